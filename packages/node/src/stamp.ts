/**
 * A value for each object, made when it is first asked for, and gone with the object.
 *
 * It is kept in a private field that the object is given: nobody but this module can see that, nothing that a program
 * can ask of the object changes, and it costs a fifth of what a WeakMap does, for which each new object is a hash to
 * compute and work for the garbage collector. Objects are given one only while somebody traces.
 *
 * All functions that `createIds` makes share one body. It meets objects of every kind, so V8 makes it megamorphic and
 * looks a table up at each call. So the callers at each request of a busy server (connection.ts, http.ts) have a class
 * of their own.
 * @module
 */

/** The constructor of a derived class gives its fields to what this one returns. */
export class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is the point of it.
    return object;
  }
}

export type IdOf = (object: object | null | undefined) => number;

/** Numbers that tell objects apart in a trace: 1, 2, 3 ... and 0 for no object. */
export function createIds(): IdOf {
  let last = 0;
  class Numbered extends Given {
    readonly #number: number;

    private constructor(object: object, number: number) {
      super(object);
      this.#number = number;
    }

    static of(object: object): number {
      if (#number in object) return object.#number;
      new Numbered(object, ++last);
      return last;
    }
  }
  return (object) => (object ? Numbered.of(object) : 0);
}
