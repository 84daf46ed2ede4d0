/**
 * Numbers that tell objects apart in a trace, given when they are first asked for.
 * @module
 */

export type IdOf = (object: object | null | undefined) => number;

/** A new series: 1, 2, 3 ... and 0 for no object. */
export function createIds(): IdOf {
  const ids = new WeakMap<object, number>();
  let last = 0;
  return (object) => {
    if (!object) return 0;
    const known = ids.get(object);
    if (known !== undefined) return known;
    ids.set(object, ++last);
    return last;
  };
}
