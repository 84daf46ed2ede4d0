/**
 * A value for each object, made when it is first asked for, and gone with the object.
 *
 * It is kept in a private field that the object is given: nobody but this module can see that, nothing that a program
 * can ask of the object changes, and it costs a fifth of what a WeakMap does, for which each new object is a hash to
 * compute and work for the garbage collector. Objects are given one only while somebody traces.
 *
 * V8 compiles a function for the kinds of objects that it has met, and all stamps of `createStamp` are one function to
 * it: they meet every kind, and are looked up in a table each time. So what happens at each request of a busy server
 * (connection.ts, http.ts) has a class of its own.
 * @module
 */

/** The constructor of a derived class gives its fields to what this one returns. */
export class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is the point of it.
    return object;
  }
}

/** @param make what an object's value is at first. */
export function createStamp<Value>(make: () => Value): (object: object) => Value {
  class Stamped extends Given {
    readonly #value: Value;

    private constructor(object: object, value: Value) {
      super(object);
      this.#value = value;
    }

    static of(object: object): Value {
      if (#value in object) return object.#value;
      const value = make();
      new Stamped(object, value);
      return value;
    }
  }
  return Stamped.of;
}

export type IdOf = (object: object | null | undefined) => number;

/** Numbers that tell objects apart in a trace: 1, 2, 3 ... and 0 for no object. */
export function createIds(): IdOf {
  let last = 0;
  const stamp = createStamp(() => ++last);
  return (object) => (object ? stamp(object) : 0);
}
