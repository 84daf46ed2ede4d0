/**
 * Counts of events by probe and group, and latencies by span and group.
 */

import { probeTitle } from '../../catalogue/probe.ts';
import { type Field, fieldsKey, fieldValue, formatField } from '../../fields.ts';
import { Groups, OTHERS } from '../../groups.ts';
import type { ArgumentValue, TracedProbe, TraceEvent } from '../../sources/source.ts';
import type { SpanCounts } from '../../spans/matcher.ts';
import type { SpanSpec } from '../../spans/spec.ts';
import type { Span, SpanStage } from '../../spans/stage.ts';
import type { Sink } from '../sink.ts';
import { Latency, type LatencySummary } from './latency.ts';

/** Rates of this many intervals are kept. */
const HISTORY = 24;

/** A field to group by. */
export interface GroupField extends Field {
  /** For latencies: of which of the two events. For counts: only these events are grouped. */
  readonly side: 'start' | 'done' | undefined;
}

export interface CountRow {
  readonly provider: string;
  readonly probe: string;
  readonly group: Group;
  readonly count: number;
  /** Events in a second, since the snapshot before; of the final one, since the beginning. */
  readonly rate: number;
  /** Rates of the last intervals, the newest last. */
  readonly history: readonly number[];
}

export interface LatencyRow extends LatencySummary {
  readonly group: Group;
}

export interface SpanRow extends Omit<SpanCounts, 'matched'> {
  readonly spec: SpanSpec;
  readonly total: LatencySummary;
  /** Empty if nothing is grouped. Most frequent first. */
  readonly groups: readonly LatencyRow[];
}

export interface Group {
  readonly values: readonly ArgumentValue[];
  /** For people; empty for no group. */
  readonly label: string;
}

export interface Snapshot {
  /** Seconds that rates are of. */
  readonly interval: number;
  /** In order of probes as they were attached; groups most frequent first. */
  readonly counts: readonly CountRow[];
  readonly spans: readonly SpanRow[];
  readonly events: number;
}

interface Counter {
  readonly group: Group;
  count: number;
  before: number;
  history: number[];
}

interface ProbeCounters {
  readonly provider: string;
  readonly probe: string;
  groups: Groups<Counter>;
}

interface SpanState {
  readonly spec: SpanSpec;
  total: Latency;
  groups: Groups<{ readonly group: Group; readonly latency: Latency }>;
}

const UNGROUPED: Group = { values: [], label: '' };
const OTHER_GROUPS: Group = { values: [], label: OTHERS };

export class Statistics implements Sink {
  private readonly by: readonly GroupField[];
  private readonly side: 'start' | 'done' | undefined;
  private readonly spans: SpanStage;
  private readonly byTitle = new Map<string, ProbeCounters>();
  private readonly countersOf = new Map<TracedProbe, ProbeCounters>();
  private readonly states: SpanState[] = [];
  private events = 0;

  /** @param by of at most one side. @param spans for their counts. */
  constructor(by: readonly GroupField[], spans: SpanStage) {
    this.by = by;
    this.side = by.find(({ side }) => side !== undefined)?.side;
    this.spans = spans;
  }

  /** Probes are shown before they fire. */
  probes(probes: readonly TracedProbe[]): void {
    for (const probe of probes) this.counters(probe);
    for (const spec of this.spans.specs.all)
      this.states[spec.index] ??= { spec, total: new Latency(), groups: this.latencyGroups() };
  }

  event(event: TraceEvent): void {
    this.events++;
    const { probe } = event;
    const { groups } = this.countersOf.get(probe) ?? this.counters(probe);
    const grouped = this.by.length > 0 && this.isGrouped(probe);
    const counter = grouped ? groups.of(fieldsKey(event, this.by), event) : groups.none!;
    counter.count++;
  }

  span(span: Span): void {
    if (span.state !== 'done') return;
    const { spec, start, done } = span;
    const { total, groups } = this.states[spec.index]!;
    const duration = done!.time - start.time;
    total.add(duration);
    if (this.by.length === 0) return;
    const event = this.side === 'start' ? start : done!;
    groups.of(fieldsKey(event, this.by), event).latency.add(duration);
  }

  /** @param interval seconds since the one before. @param final whether rates are to be of the whole time. */
  snapshot(interval: number, final = false): Snapshot {
    const counts: CountRow[] = [];
    for (const { provider, probe, groups } of this.byTitle.values()) {
      // A probe that has fired has its groups; the empty one was for the time before.
      const all = groups.all();
      const rows = all.filter(({ count, group }) => count > 0 || all.length === 1 || group !== UNGROUPED);
      for (const counter of rows.sort((a, b) => b.count - a.count)) {
        const { group, count } = counter;
        const rate = interval > 0 ? (final ? count : count - counter.before) / interval : 0;
        if (!final) {
          counter.before = count;
          counter.history.push(rate);
          if (counter.history.length > HISTORY) counter.history.shift();
        }
        counts.push({ provider, probe, group, count, rate, history: [...counter.history] });
      }
    }
    const spans = this.states.map(({ spec, total, groups }) => {
      const { pending, unmatched, replaced, evicted } = this.spans.countsOf(spec);
      return {
        spec,
        total: total.summary(),
        groups: groups
          .all()
          .map(({ group, latency }) => ({ group, ...latency.summary() }))
          .sort((a, b) => b.count - a.count),
        pending,
        unmatched,
        replaced,
        evicted,
      };
    });
    return { interval, counts, spans, events: this.events };
  }

  /** Begins to count anew; what has begun may still end. */
  reset(): void {
    this.events = 0;
    for (const counters of this.byTitle.values()) counters.groups = this.countGroups();
    for (const state of this.states) {
      state.total = new Latency();
      state.groups = this.latencyGroups();
    }
  }

  /** Fields of one side group only the events of that side. */
  private isGrouped(probe: TracedProbe): boolean {
    const { side } = this;
    return side === undefined || this.spans.specs.rolesOf(probe).some((role) => role.side === side);
  }

  private counters(probe: TracedProbe): ProbeCounters {
    let counters = this.countersOf.get(probe);
    if (counters) return counters;
    const title = probeTitle(probe);
    counters = this.byTitle.get(title) ?? {
      provider: probe.provider,
      probe: probe.name,
      groups: this.countGroups(),
    };
    this.byTitle.set(title, counters);
    this.countersOf.set(probe, counters);
    return counters;
  }

  private countGroups(): Groups<Counter> {
    const counterOf = (group: Group): Counter => ({ group, count: 0, before: 0, history: [] });
    return new Groups((event) => counterOf(this.groupOf(event)), counterOf(UNGROUPED));
  }

  private latencyGroups(): SpanState['groups'] {
    return new Groups((event) => ({ group: this.groupOf(event), latency: new Latency() }));
  }

  private groupOf(event: TraceEvent | undefined): Group {
    if (event === undefined) return OTHER_GROUPS;
    return {
      values: this.by.map((field) => fieldValue(event, field)),
      label: this.by.map((field) => formatField(event, field)).join(', '),
    };
  }
}
