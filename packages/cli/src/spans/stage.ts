/**
 * Events -> events and spans. The one place where a start meets its end.
 */

import { fieldsKey } from '../fields.ts';
import type { TracedProbe, TraceEvent } from '../sources/source.ts';
import { PENDING_LIMIT, type SpanCounts, SpanMatcher } from './matcher.ts';
import type { SpanSpec, SpanSpecs } from './spec.ts';

export interface Span {
  /**
   * Different from those of all other spans that have begun and are not over, and below their highest number. So what a
   * receiver keeps of each is in an array: a `Map` of them took a tenth of the time of `usdt record`.
   */
  readonly slot: number;
  readonly spec: SpanSpec;
  readonly start: TraceEvent;
  /** Undefined unless it is `done`. */
  readonly done: TraceEvent | undefined;
  /** `evicted`: it will not have an end, since there were too many or its key began again. `unfinished`: it has none. */
  readonly state: 'started' | 'done' | 'evicted' | 'unfinished';
}

/** What takes the events and spans. */
export interface SpanReceiver {
  /** Called for each span that begins or is over, before the `event` that makes it so. */
  span?(span: Span): void;
  /** @param spanned whether it began or ended a span. */
  event?(event: TraceEvent, spanned: boolean): void;
}

type MutableSpan = { -readonly [Name in keyof Span]: Span[Name] };

export class SpanStage {
  readonly specs: SpanSpecs;
  private readonly limit: number;
  /** By the index of the spec. */
  private readonly matchers: SpanMatcher<MutableSpan>[] = [];
  private readonly freeSlots: number[] = [];
  private slots = 0;

  /** @param limit how many starts of one spec may wait for their end. */
  constructor(specs: SpanSpecs, limit: number = PENDING_LIMIT) {
    this.specs = specs;
    this.limit = limit;
  }

  /** To be called before the events of these probes. */
  update(probes: readonly TracedProbe[]): void {
    this.specs.update(probes);
    for (const { index, byThread } of this.specs.all)
      this.matchers[index] ??= new SpanMatcher({ nested: byThread, limit: this.limit });
  }

  countsOf({ index }: SpanSpec): SpanCounts {
    return this.matchers[index]!;
  }

  /** What was begun and ended, but never with the same key. */
  mismatched(): SpanSpec[] {
    return this.specs.all.filter((spec) => {
      const { matched, unmatched, pending, replaced } = this.countsOf(spec);
      return matched === 0 && unmatched > 0 && pending + replaced > 0;
    });
  }

  /**
   * Gives the spans that the event ends, begins or makes hopeless to the receivers, and then the event itself. Its loops
   * have no iterators: in code that is not optimised yet, as in the first 10,000 events, these take as long as the rest.
   */
  event(event: TraceEvent, receivers: readonly SpanReceiver[]): void {
    let spanned = false;
    const roles = this.specs.rolesOf(event.probe);
    for (let i = 0; i < roles.length; i++) {
      const { spec, side, fields } = roles[i]!;
      const matcher = this.matchers[spec.index]!;
      // Only within a process: other processes count from one as well.
      const key = `${event.pid} ${fieldsKey(event, fields)}`;
      if (side === 'start') {
        spanned = true;
        const slot = this.freeSlots.pop() ?? this.slots++;
        const span: MutableSpan = { slot, spec, start: event, done: undefined, state: 'started' };
        give(span, receivers);
        const evicted = matcher.start(key, span);
        // Those that began last are within the others.
        for (let n = evicted.length - 1; n >= 0; n--) this.end(evicted[n]!, 'evicted', receivers);
        continue;
      }
      const span = matcher.done(key);
      if (span === undefined) continue;
      spanned = true;
      span.done = event;
      this.end(span, 'done', receivers);
    }
    for (let i = 0; i < receivers.length; i++) receivers[i]!.event?.(event, spanned);
  }

  /** What began and has not ended, when no more events will come: in order of time, so that the outer come first. */
  unfinished(): readonly Span[] {
    const open = this.matchers.flatMap((matcher) => [...matcher.waiting()]);
    for (const span of open) span.state = 'unfinished';
    return open.sort((a, b) => a.start.time - b.start.time);
  }

  private end(span: MutableSpan, state: 'done' | 'evicted', receivers: readonly SpanReceiver[]): void {
    span.state = state;
    give(span, receivers);
    this.freeSlots.push(span.slot);
  }
}

function give(span: Span, receivers: readonly SpanReceiver[]): void {
  for (let i = 0; i < receivers.length; i++) receivers[i]!.span?.(span);
}
