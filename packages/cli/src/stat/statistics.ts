/**
 * Counts of events by probe and group, and latencies by pair and group.
 * @module
 */

import { probeTitle } from '../catalogue/probe.ts';
import { type Field, fieldsKey, fieldValue, formatField } from '../fields.ts';
import { PairMatcher } from '../pair-matcher.ts';
import type { Pair, Pairing } from '../pairs.ts';
import type { ArgumentValue } from '../ringbuffer/decoder.ts';
import type { TracedProbe, TraceEvent } from '../tracer.ts';
import { Latency, type LatencySummary } from './latency.ts';

/** Groups of one probe or pair; what has no room is counted together. */
export const GROUP_LIMIT = 1000;
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

export interface PairRow {
  readonly pair: Pair;
  readonly total: LatencySummary;
  /** Empty if nothing is grouped. Most frequent first. */
  readonly groups: readonly LatencyRow[];
  readonly pending: number;
  readonly unmatched: number;
  readonly replaced: number;
  readonly evicted: number;
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
  readonly pairs: readonly PairRow[];
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
  readonly groups: Map<string, Counter>;
}

interface Begun {
  readonly time: number;
  /** The group, if it is the start that tells. */
  readonly group: Group | undefined;
}

interface PairState {
  readonly pair: Pair;
  readonly matcher: PairMatcher<Begun>;
  total: Latency;
  groups: Map<string, { readonly group: Group; readonly latency: Latency }>;
}

const UNGROUPED: Group = { values: [], label: '' };
const OTHERS: Group = { values: [], label: '(others)' };

export class Statistics {
  private readonly by: readonly GroupField[];
  private readonly side: 'start' | 'done';
  private readonly pairing: Pairing;
  private readonly probes = new Map<string, ProbeCounters>();
  private readonly countersOf = new Map<TracedProbe, ProbeCounters>();
  private readonly states: PairState[] = [];
  private events = 0;

  constructor(by: readonly GroupField[], pairing: Pairing) {
    this.by = by;
    this.side = by.find(({ side }) => side !== undefined)?.side ?? 'done';
    this.pairing = pairing;
  }

  /** To be called before the events of these probes are added: probes are shown before they fire. */
  update(probes: readonly TracedProbe[]): void {
    this.pairing.update(probes);
    for (const probe of probes) this.counters(probe);
    for (const pair of this.pairing.pairs)
      this.states[pair.index] ??= {
        pair,
        matcher: new PairMatcher({ nested: pair.byThread }),
        total: new Latency(),
        groups: new Map(),
      };
  }

  add(event: TraceEvent): void {
    this.events++;
    const { probe } = event;
    const roles = this.pairing.rolesOf(probe);
    const grouped =
      this.by.length > 0 &&
      this.by.every(({ side }) => side === undefined || roles.some((role) => role.side === side));
    const { groups } = this.countersOf.get(probe) ?? this.counters(probe);
    const key = grouped ? `=${fieldsKey(event, this.by)}` : '';
    let counter = groups.get(key);
    if (counter === undefined) {
      const full = groups.size >= GROUP_LIMIT;
      counter = (full ? groups.get(OTHERS_KEY) : undefined) ?? {
        group: full ? OTHERS : grouped ? this.groupOf(event) : UNGROUPED,
        count: 0,
        before: 0,
        history: [],
      };
      groups.set(full ? OTHERS_KEY : key, counter);
    }
    counter.count++;

    for (const { pair, side, fields } of roles) {
      const state = this.states[pair.index]!;
      // Only within a process: other processes count from one as well.
      const id = `${event.pid} ${fieldsKey(event, fields)}`;
      if (side === 'start') {
        const group = this.by.length > 0 && this.side === 'start' ? this.groupOf(event) : undefined;
        state.matcher.start(id, { time: event.time, group });
      } else {
        const begun = state.matcher.done(id);
        if (begun) this.addLatency(state, event, begun);
      }
    }
  }

  /** @param interval seconds since the one before. @param final whether rates are to be of the whole time. */
  snapshot(interval: number, final = false): Snapshot {
    const counts: CountRow[] = [];
    for (const { provider, probe, groups } of this.probes.values()) {
      // A probe that has fired has its groups; the empty one was for the time before.
      const rows = [...groups.values()].filter(
        ({ count, group }) => count > 0 || groups.size === 1 || group !== UNGROUPED,
      );
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
    const pairs = this.states.map(({ pair, matcher, total, groups }) => ({
      pair,
      total: total.summary(),
      groups: [...groups.values()]
        .map(({ group, latency }) => ({ group, ...latency.summary() }))
        .sort((a, b) => b.count - a.count),
      pending: matcher.pending,
      unmatched: matcher.unmatched,
      replaced: matcher.replaced,
      evicted: matcher.evicted,
    }));
    return { interval, counts, pairs, events: this.events };
  }

  /** Begins to count anew; what has begun may still end. */
  reset(): void {
    this.events = 0;
    for (const { groups } of this.probes.values()) {
      groups.clear();
      groups.set('', emptyCounter());
    }
    for (const state of this.states) {
      state.total = new Latency();
      state.groups = new Map();
    }
  }

  private counters(probe: TracedProbe): ProbeCounters {
    let counters = this.countersOf.get(probe);
    if (counters) return counters;
    const title = probeTitle(probe);
    counters = this.probes.get(title) ?? {
      provider: probe.provider,
      probe: probe.name,
      groups: new Map([['', emptyCounter()]]),
    };
    this.probes.set(title, counters);
    this.countersOf.set(probe, counters);
    return counters;
  }

  private addLatency(state: PairState, event: TraceEvent, begun: Begun): void {
    const duration = event.time - begun.time;
    state.total.add(duration);
    if (this.by.length === 0) return;
    const group = begun.group ?? this.groupOf(event);
    const key = JSON.stringify(group.values.map(String));
    let entry = state.groups.get(key);
    if (entry === undefined) {
      const full = state.groups.size >= GROUP_LIMIT;
      entry = (full ? state.groups.get(OTHERS_KEY) : undefined) ?? {
        group: full ? OTHERS : group,
        latency: new Latency(),
      };
      state.groups.set(full ? OTHERS_KEY : key, entry);
    }
    entry.latency.add(duration);
  }

  private groupOf(event: TraceEvent): Group {
    return {
      values: this.by.map((field) => fieldValue(event, field)),
      label: this.by.map((field) => formatField(event, field)).join(', '),
    };
  }
}

/** No group has this key. */
const OTHERS_KEY = '(others)';

function emptyCounter(): Counter {
  return { group: UNGROUPED, count: 0, before: 0, history: [] };
}
