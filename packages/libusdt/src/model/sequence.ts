/**
 * An array, or a generator of the n-th item. The writers take these, so that 10,000 probes can be listed without
 * 10,000 objects for each kind of note.
 */

export interface Sequence<Item> {
  readonly length: number;
  /** The item at an index below `length`. It may be valid only until the next one is asked for. */
  at(index: number): Item | undefined;
}

/** `make`, asked once for each key: of thousands of probes, most share what is asked for with many others. */
export function memoised<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) {
      value = make(key);
      made.set(key, value);
    }
    return value;
  };
}
