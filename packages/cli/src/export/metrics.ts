/**
 * Events -> metrics for Prometheus. https://prometheus.io/docs/practices/naming/
 *
 * Events are counted in plain maps, and become metrics when somebody asks: looking a label set up in prom-client takes
 * longer than everything else that is done with an event.
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { probeTitle } from '../catalogue/probe.ts';
import { type Field, fieldsKey, fieldValue } from '../fields.ts';
import { PairMatcher } from '../pair-matcher.ts';
import type { Pair, Pairing } from '../pairs.ts';
import { validText } from '../text.ts';
import type { TracedProbe, TraceEvent } from '../tracer.ts';

/** Label sets of one probe or pair; what has no room is counted together. Prometheus keeps each for as long as its data. */
export const GROUP_LIMIT = 1000;
/** The label of those. */
const OTHERS = '(others)';

/** Upper ends in seconds: from what a uprobe itself costs to what people wait for. */
export const BUCKETS: readonly number[] = [
  10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3,
  500e-3, 1, 2.5, 5, 10,
];
const NANOSECONDS = 1e9;

export interface MetricsOptions {
  /** Fields whose values become labels. Of latencies, those of the event that ends it. */
  readonly by: readonly Field[];
  readonly pairing: Pairing;
  /** Upper ends in seconds, ascending. */
  readonly buckets: readonly number[];
  /** Events that the kernel had no room for. */
  readonly lost: () => number;
}

type Labels = Record<string, string>;

interface Group {
  readonly labels: Labels;
  count: number;
}

interface PairState {
  readonly matcher: PairMatcher<number>;
  readonly groups: Map<string, Labels>;
  /** There are probes for both sides. */
  complete: boolean;
}

export class Metrics {
  private readonly options: MetricsOptions;
  private readonly registry = new Registry();
  private readonly latency: Histogram;
  /** By `provider:probe`, then by the key of the fields. */
  private readonly counts = new Map<string, Map<string, Group>>();
  private readonly countsOf = new Map<TracedProbe, Map<string, Group>>();
  private readonly pairs: PairState[] = [];
  private sites = -1;

  constructor(options: MetricsOptions) {
    this.options = options;
    const { registry } = this;
    const registers = [registry];
    const by = options.by.map(({ name }) => name);
    const { counts, pairs } = this;
    new Counter({
      name: 'usdt_events_total',
      help: 'Events of a probe.',
      labelNames: ['provider', 'probe', ...by],
      registers,
      collect() {
        this.reset();
        for (const groups of counts.values())
          for (const { labels, count } of groups.values()) this.inc(labels, count);
      },
    });
    new Counter({
      name: 'usdt_lost_events_total',
      help: 'Events that the kernel had no room for, of all probes.',
      registers,
      collect() {
        this.reset();
        this.inc(options.lost());
      },
    });
    new Gauge({
      name: 'usdt_probe_sites',
      help: 'Places of probes that are being traced.',
      registers,
      collect: this.collectSites(),
    });
    this.latency = new Histogram({
      name: 'usdt_latency_seconds',
      help: 'Time from an event of one probe to the event of another that belongs to it.',
      labelNames: ['start', 'done', ...by],
      buckets: [...options.buckets],
      registers,
    });
    new Counter({
      name: 'usdt_latency_unmatched_total',
      help: 'Ends without a start.',
      labelNames: ['start', 'done'],
      registers,
      collect() {
        this.reset();
        for (const pair of options.pairing.pairs)
          this.inc(namesOf(pair), pairs[pair.index]?.matcher.unmatched ?? 0);
      },
    });
    new Gauge({
      name: 'usdt_latency_pending',
      help: 'Starts that wait for their end.',
      labelNames: ['start', 'done'],
      registers,
      collect() {
        this.reset();
        for (const pair of options.pairing.pairs)
          this.set(namesOf(pair), pairs[pair.index]?.matcher.pending ?? 0);
      },
    });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** To be called before the events of these probes are added: what has not fired yet is 0, not absent. */
  update(probes: readonly TracedProbe[]): void {
    const { pairing, by } = this.options;
    if (probes.length === this.sites) return;
    this.sites = probes.length;
    pairing.update(probes);
    for (const probe of probes) this.groupsOf(probe);
    for (const pair of pairing.pairs) {
      this.pairs[pair.index] ??= {
        matcher: new PairMatcher({ nested: pair.byThread }),
        groups: new Map(),
        complete: false,
      };
      const state = this.pairs[pair.index]!;
      const sides = new Set(probes.flatMap((probe) => sidesIn(pairing, probe, pair)));
      // Before both are there, their names are not known.
      if (!state.complete && sides.size === 2 && by.length === 0) this.latency.zero(namesOf(pair));
      state.complete ||= sides.size === 2;
    }
  }

  add(event: TraceEvent): void {
    const { by, pairing } = this.options;
    const { probe } = event;
    const groups = this.groupsOf(probe);
    const key = by.length === 0 ? '' : fieldsKey(event, by);
    let group = groups.get(key);
    if (group === undefined) {
      const full = groups.size >= GROUP_LIMIT;
      group = (full ? groups.get(OTHERS_KEY) : undefined) ?? {
        labels: { ...probeLabels(probe), ...this.labelsOf(event, full) },
        count: 0,
      };
      groups.set(full ? OTHERS_KEY : key, group);
    }
    group.count++;

    for (const { pair, side, fields } of pairing.rolesOf(probe)) {
      const state = this.pairs[pair.index]!;
      // Only within a process: other processes count from one as well.
      const id = `${event.pid} ${fieldsKey(event, fields)}`;
      if (side === 'start') {
        state.matcher.start(id, event.time);
        continue;
      }
      const start = state.matcher.done(id);
      if (start === undefined) continue;
      const seconds = Math.max(0, event.time - start) / NANOSECONDS;
      this.latency.observe(this.latencyLabels(state, pair, event, key), seconds);
    }
  }

  private latencyLabels(state: PairState, pair: Pair, event: TraceEvent, key: string): Labels {
    const known = state.groups.get(key);
    if (known) return known;
    const full = state.groups.size >= GROUP_LIMIT;
    const labels = { ...namesOf(pair), ...this.labelsOf(event, full) };
    if (!full) state.groups.set(key, labels);
    return labels;
  }

  private labelsOf(event: TraceEvent, full: boolean): Labels {
    return Object.fromEntries(
      this.options.by.map((field) => [field.name, full ? OTHERS : labelOf(event, field)]),
    );
  }

  private groupsOf(probe: TracedProbe): Map<string, Group> {
    const known = this.countsOf.get(probe);
    if (known) return known;
    const title = probeTitle(probe);
    let groups = this.counts.get(title);
    if (groups === undefined) {
      groups = new Map();
      this.counts.set(title, groups);
      // With labels of its arguments nothing is known before it fires.
      if (this.options.by.length === 0) groups.set('', { labels: probeLabels(probe), count: 0 });
    }
    this.countsOf.set(probe, groups);
    return groups;
  }

  private collectSites(): (this: Gauge) => void {
    const metrics = this;
    return function (this: Gauge): void {
      this.set(Math.max(0, metrics.sites));
    };
  }
}

function probeLabels({ provider, name }: TracedProbe): Labels {
  return { provider: validText(provider), probe: validText(name) };
}

/** Texts of arguments are valid already. */
function labelOf(event: TraceEvent, field: Field): string {
  const text = String(fieldValue(event, field) ?? '');
  return field.argument < 0 ? validText(text) : text;
}

function namesOf({ start, done }: Pair): { readonly start: string; readonly done: string } {
  return { start: validText(start), done: validText(done) };
}

function sidesIn(pairing: Pairing, probe: TracedProbe, pair: Pair): string[] {
  return pairing
    .rolesOf(probe)
    .filter((role) => role.pair === pair)
    .map(({ side }) => side);
}

/** No key: keys of fields have no NUL at the beginning unless the first value is empty, and this has two. */
const OTHERS_KEY = '\0\0others';
