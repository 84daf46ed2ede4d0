/**
 * Whatever is kept for each value of some fields: one entry for each, until there are too many.
 */

import type { TraceEvent } from './sources/source.ts';

/** Entries of one probe or span; what has no room is kept together. Prometheus keeps each for as long as its data. */
export const GROUP_LIMIT = 1000;
/** The name of what is kept together. */
export const OTHERS = '(others)';

export class Groups<T> {
  /** What is in no group, if it was given; it counts as one. */
  readonly none: T | undefined;
  private readonly byKey = new Map<string, T>();
  private readonly limit: number;
  private readonly make: (event: TraceEvent | undefined) => T;
  private others: T | undefined;

  /** @param make an entry for the group of an event, or, for undefined, for all others. */
  constructor(make: (event: TraceEvent | undefined) => T, none?: T) {
    this.make = make;
    this.none = none;
    this.limit = none === undefined ? GROUP_LIMIT : GROUP_LIMIT - 1;
  }

  /** @param key as of `fieldsKey`. */
  of(key: string, event: TraceEvent): T {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    if (this.byKey.size >= this.limit) {
      this.others ??= this.make(undefined);
      return this.others;
    }
    const made = this.make(event);
    this.byKey.set(key, made);
    return made;
  }

  /** What is in no group first, all others last. */
  all(): T[] {
    const entries = [...this.byKey.values()];
    if (this.none !== undefined) entries.unshift(this.none);
    if (this.others !== undefined) entries.push(this.others);
    return entries;
  }
}
