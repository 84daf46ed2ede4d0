/**
 * Finds the start that an end belongs to. What was begun and has not ended is held, but never more than a limit: a
 * program may begin things forever and end none.
 */

/** How many starts of one kind of span may wait for their end. */
export const PENDING_LIMIT = 100_000;

export interface MatcherOptions {
  /** At least 1. */
  readonly limit?: number;
  /** Starts of the same key nest: an end belongs to the last. Otherwise a start takes the place of the one before. */
  readonly nested: boolean;
}

/** How it went so far. */
export interface SpanCounts {
  /** Starts that wait for their end. */
  readonly pending: number;
  readonly matched: number;
  /** Ends without a start. */
  readonly unmatched: number;
  /** Starts that were given up because there were too many. */
  readonly evicted: number;
  /** Starts that were given up because the same key began again. */
  readonly replaced: number;
}

export class SpanMatcher<T> implements SpanCounts {
  pending = 0;
  matched = 0;
  unmatched = 0;
  evicted = 0;
  replaced = 0;
  private readonly limit: number;
  private readonly nested: boolean;
  private readonly starts = new Map<string, T[]>();
  /** Goes on where it stood: whatever is before it is gone. */
  private oldest: MapIterator<string>;

  constructor({ limit = PENDING_LIMIT, nested }: MatcherOptions) {
    this.limit = limit;
    this.nested = nested;
    this.oldest = this.starts.keys();
  }

  /** @returns what is given up for it: it will not be the start of anything. */
  start(key: string, value: T): readonly T[] {
    const before = this.starts.get(key);
    if (before !== undefined && !this.nested) {
      this.replaced++;
      // At the end of the order: it is the newest now.
      this.starts.delete(key);
      this.starts.set(key, [value]);
      return before;
    }
    let given: readonly T[] = NOTHING;
    if (this.pending === this.limit) given = this.evict();
    const stack = this.starts.get(key);
    if (stack === undefined) this.starts.set(key, [value]);
    else stack.push(value);
    this.pending++;
    return given;
  }

  /** @returns what `start` was given, or undefined if nothing with this key has begun. */
  done(key: string): T | undefined {
    const stack = this.starts.get(key);
    if (stack === undefined) {
      this.unmatched++;
      return undefined;
    }
    const value = stack.pop();
    if (stack.length === 0) this.starts.delete(key);
    this.pending--;
    this.matched++;
    return value;
  }

  /** Everything that waits. */
  *waiting(): IterableIterator<T> {
    for (const stack of this.starts.values()) yield* stack;
  }

  /** The key that began first. */
  private evict(): readonly T[] {
    let next = this.oldest.next();
    if (next.done) {
      this.oldest = this.starts.keys();
      next = this.oldest.next();
    }
    const key = next.value!;
    const stack = this.starts.get(key)!;
    this.starts.delete(key);
    this.pending -= stack.length;
    this.evicted += stack.length;
    return stack;
  }
}

const NOTHING: readonly never[] = [];
