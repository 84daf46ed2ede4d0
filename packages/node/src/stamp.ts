/**
 * A value for each object, made when it is first asked for, and gone with the object.
 *
 * It is kept by private-field stamping: the object is given a private field. Nobody but the class that declares the
 * field can see it, nothing that a program can ask of the object changes, and it costs a fifth of what a WeakMap does,
 * for which each new object is a hash to compute and work for the garbage collector. Objects are stamped only while
 * somebody traces.
 * https://developer.mozilla.org/docs/Web/JavaScript/Reference/Classes/Private_elements#returning_overriding_object
 *
 * All functions that `createIds` makes share one body. It meets objects of every kind, so V8 makes it megamorphic and
 * looks a table up at each call. So the callers at each request of a busy server (connection.ts, sources/http.ts) have
 * a class of their own.
 */

/** The constructor of a derived class adds its fields to the object that this one returns. */
export class Stamper {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is the point of it.
    return object;
  }
}

export type IdOf = (object: object | null | undefined) => number;

/** Ids that tell objects apart in a trace: 1, 2, 3 ... and 0 for no object. */
export function createIds(): IdOf {
  let last = 0;
  class IdStamper extends Stamper {
    readonly #id: number;

    private constructor(object: object, id: number) {
      super(object);
      this.#id = id;
    }

    static idOf(object: object): number {
      if (#id in object) return object.#id;
      new IdStamper(object, ++last);
      return last;
    }
  }
  return (object) => (object ? IdStamper.idOf(object) : 0);
}
