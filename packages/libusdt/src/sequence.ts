/**
 * What the writers take instead of arrays: arrays are sequences, and so is a rule that makes the n-th item when it is
 * asked for. A definition of ten thousand probes then needs no array of ten thousand objects for each of its notes.
 * @module
 */

export interface Sequence<Item> {
  readonly length: number;
  /** The item at an index below `length`. It may be valid only until the next one is asked for. */
  at(index: number): Item | undefined;
}

/** Bytes that are made where they are wanted, so that they exist once. */
export interface Deferred {
  /** How many. */
  readonly length: number;
  /** Writes them to `out`, which has that length and is zeroed. */
  write(out: Uint8Array): void;
}
