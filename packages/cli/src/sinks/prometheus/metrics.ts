/**
 * Events -> metrics for Prometheus. https://prometheus.io/docs/practices/naming/
 *
 * Events are counted in plain maps, and become metrics when somebody asks: looking a label set up in prom-client takes
 * longer than everything else that is done with an event.
 */

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { probeTitle } from '../../catalogue/probe.ts';
import { type Field, fieldsKey, fieldValue } from '../../fields.ts';
import { Groups, OTHERS } from '../../groups.ts';
import type { TracedProbe, TraceEvent } from '../../sources/source.ts';
import type { SpanSpec } from '../../spans/spec.ts';
import type { Span, SpanStage } from '../../spans/stage.ts';
import { validText } from '../../text.ts';
import type { Sink } from '../sink.ts';

/** Upper ends in seconds: from what a uprobe itself costs to what people wait for. */
export const BUCKETS: readonly number[] = [
  10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3,
  500e-3, 1, 2.5, 5, 10,
];
const NANOSECONDS = 1e9;

export interface MetricsOptions {
  /** Fields whose values become labels. Of latencies, those of the event that ends it. */
  readonly by: readonly Field[];
  /** For their counts. */
  readonly spans: SpanStage;
  /** Upper ends in seconds, ascending. */
  readonly buckets: readonly number[];
  /** Events that the kernel had no room for. */
  readonly lost: () => number;
}

type Labels = Record<string, string>;

interface LabelledCount {
  readonly labels: Labels;
  count: number;
}

interface SpanState {
  readonly spec: SpanSpec;
  readonly labels: Groups<Labels>;
  /** There are probes for both sides. */
  complete: boolean;
}

export class Metrics implements Sink {
  private readonly options: MetricsOptions;
  private readonly registry = new Registry();
  private readonly latency: Histogram;
  /** By `provider:probe`, then by the key of the fields. */
  private readonly counts = new Map<string, Groups<LabelledCount>>();
  private readonly countsOf = new Map<TracedProbe, Groups<LabelledCount>>();
  private readonly states: SpanState[] = [];
  private sites = -1;

  constructor(options: MetricsOptions) {
    this.options = options;
    const { registry } = this;
    const registers = [registry];
    const by = options.by.map(({ name }) => name);
    const { counts } = this;
    const { spans } = options;
    new Counter({
      name: 'usdt_events_total',
      help: 'Events of a probe.',
      labelNames: ['provider', 'probe', ...by],
      registers,
      collect() {
        this.reset();
        for (const groups of counts.values())
          for (const { labels, count } of groups.all()) this.inc(labels, count);
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
        for (const spec of spans.specs.all) this.inc(namesOf(spec), spans.countsOf(spec).unmatched);
      },
    });
    new Gauge({
      name: 'usdt_latency_pending',
      help: 'Starts that wait for their end.',
      labelNames: ['start', 'done'],
      registers,
      collect() {
        this.reset();
        for (const spec of spans.specs.all) this.set(namesOf(spec), spans.countsOf(spec).pending);
      },
    });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** What has not fired yet is 0, not absent. */
  probes(probes: readonly TracedProbe[]): void {
    const { spans, by } = this.options;
    this.sites = probes.length;
    for (const probe of probes) this.groupsOf(probe);
    for (const spec of spans.specs.all) {
      this.states[spec.index] ??= { spec, labels: this.latencyLabels(spec), complete: false };
      const state = this.states[spec.index]!;
      const sides = new Set(probes.flatMap((probe) => this.sidesIn(probe, spec)));
      // Before both are there, their names are not known.
      if (!state.complete && sides.size === 2 && by.length === 0) this.latency.zero(namesOf(spec));
      state.complete ||= sides.size === 2;
    }
  }

  event(event: TraceEvent): void {
    const groups = this.groupsOf(event.probe);
    const group = groups.none ?? groups.of(fieldsKey(event, this.options.by), event);
    group.count++;
  }

  span(span: Span): void {
    if (span.state !== 'done') return;
    const { spec, start, done } = span;
    const seconds = Math.max(0, done!.time - start.time) / NANOSECONDS;
    const { by } = this.options;
    const key = by.length === 0 ? '' : fieldsKey(done!, by);
    this.latency.observe(this.states[spec.index]!.labels.of(key, done!), seconds);
  }

  private latencyLabels(spec: SpanSpec): Groups<Labels> {
    return new Groups((event) => ({ ...namesOf(spec), ...this.labelsOf(event) }));
  }

  /** @param event undefined for all others. */
  private labelsOf(event: TraceEvent | undefined): Labels {
    return Object.fromEntries(
      this.options.by.map((field) => [field.name, event ? labelOf(event, field) : OTHERS]),
    );
  }

  private sidesIn(probe: TracedProbe, spec: SpanSpec): string[] {
    const roles = this.options.spans.specs.rolesOf(probe);
    return roles.filter((role) => role.spec === spec).map(({ side }) => side);
  }

  private groupsOf(probe: TracedProbe): Groups<LabelledCount> {
    const known = this.countsOf.get(probe);
    if (known) return known;
    const title = probeTitle(probe);
    let groups = this.counts.get(title);
    if (groups === undefined) {
      const countOf = (labels: Labels): LabelledCount => ({
        labels: { ...probeLabels(probe), ...labels },
        count: 0,
      });
      // With labels of its arguments nothing is known before it fires.
      groups = new Groups(
        (event) => countOf(this.labelsOf(event)),
        this.options.by.length === 0 ? countOf({}) : undefined,
      );
      this.counts.set(title, groups);
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

function namesOf({ start, done }: SpanSpec): { readonly start: string; readonly done: string } {
  return { start: validText(start), done: validText(done) };
}
