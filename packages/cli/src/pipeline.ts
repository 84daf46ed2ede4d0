/**
 * Source -> spans -> sinks: what every command that traces is made of. A command chooses the parts, and says no more.
 */

import { checkFields, type Field } from './fields.ts';
import { Losses } from './losses.ts';
import type { TargetOptions } from './options.ts';
import { warn } from './output.ts';
import { runSession, type SessionHandlers } from './session.ts';
import type { Sink } from './sinks/sink.ts';
import type { RecordVisitor } from './sources/record.ts';
import type { Source, TraceEvent } from './sources/source.ts';
import type { SpanReceiver, SpanStage } from './spans/stage.ts';

export interface PipelineOptions {
  /** All get everything, in this order. */
  readonly sinks: readonly Sink[];
  /** Undefined for events alone. */
  readonly spans?: SpanStage;
  /** What `--by` names: a probe must have it. */
  readonly by?: readonly Field[];
  /** Events after which it ends. */
  readonly limit?: number;
  /** When the user is told of losses: by each batch, by each tick, or at the end, for a screen that shows them itself. */
  readonly losses?: 'batch' | 'tick' | 'end';
}

/**
 * Events or spans after which sinks may write: bounds what they keep of a large batch. Text that is kept until it has a
 * megabyte costs the garbage collector as much again as making it.
 */
const PIECE = 1024;

/** Runs a session for a command line, and sets the exit code of the process. As of `runSession`. */
export async function runPipeline(
  patterns: readonly string[],
  options: TargetOptions,
  program: readonly string[],
  parts: PipelineOptions,
): Promise<void> {
  const pipeline = new Pipeline(parts);
  try {
    process.exitCode = await runSession(patterns, options, program, pipeline);
  } finally {
    pipeline.close();
  }
}

export class Pipeline implements SessionHandlers {
  readonly visit: RecordVisitor | undefined;
  private readonly parts: PipelineOptions;
  private readonly sinks: readonly Sink[];
  /** Those of the sinks that take events or spans. */
  private readonly receivers: readonly SpanReceiver[];
  private readonly timers: NodeJS.Timeout[] = [];
  private losses: Losses | undefined;
  /** Probes that the parts know of. */
  private known = -1;
  private left: number;
  /** Of the last event. */
  private time = 0;

  constructor(parts: PipelineOptions) {
    this.parts = parts;
    this.sinks = parts.sinks;
    this.receivers = parts.sinks.filter(({ event, span }) => event !== undefined || span !== undefined);
    this.left = parts.limit ?? Number.POSITIVE_INFINITY;
    const record = parts.sinks.find((sink) => sink.record !== undefined)?.record;
    this.visit = record && this.limited(record);
  }

  async ready(source: Source): Promise<void> {
    const { by = [], spans, losses } = this.parts;
    this.losses = new Losses(source, this.sinks);
    checkFields(by, source.probes, '--by');
    for (const problem of spans?.specs.check(source.probes) ?? []) warn(problem);
    this.update(source);
    for (const sink of this.sinks) await sink.begin?.(source);
    for (const sink of this.sinks) {
      if (sink.interval === undefined) continue;
      const tick = (): void => {
        this.update(source);
        sink.tick?.();
        if (losses === 'tick') this.losses?.tell(this.time);
      };
      this.timers.push(setInterval(tick, sink.interval));
    }
  }

  async events(batch: readonly TraceEvent[], source: Source): Promise<boolean> {
    this.update(source);
    const events = batch.length > this.left ? batch.slice(0, this.left) : batch;
    this.left -= events.length;
    for (let at = 0; at < events.length; at += PIECE) {
      if (at > 0) await this.flush();
      this.give(events, at, Math.min(at + PIECE, events.length));
    }
    this.time = events.at(-1)?.time ?? this.time;
    this.tellLosses();
    await this.flush();
    return this.left > 0;
  }

  async end(): Promise<void> {
    this.stopTimers();
    let given = 0;
    for (const span of this.parts.spans?.unfinished() ?? []) {
      for (const sink of this.sinks) sink.span?.(span);
      if (++given % PIECE === 0) await this.flush();
    }
    this.tellLosses();
    for (const sink of this.sinks) await sink.end?.();
    this.losses?.tell(this.time);
    for (const sink of this.sinks) {
      const summary = sink.summary?.();
      if (summary !== undefined) warn(summary);
    }
  }

  close(): void {
    this.stopTimers();
    for (const sink of this.sinks) sink.close?.();
  }

  private limited(record: RecordVisitor): RecordVisitor {
    return (layout, time, cpu, thread, bytes, view, start) => {
      if (this.left === 0) return;
      this.left--;
      this.time = time;
      record(layout, time, cpu, thread, bytes, view, start);
    };
  }

  private give(events: readonly TraceEvent[], begin: number, end: number): void {
    const { receivers } = this;
    const { spans } = this.parts;
    for (let i = begin; i < end; i++) {
      if (spans) spans.event(events[i]!, receivers);
      else for (let n = 0; n < receivers.length; n++) receivers[n]!.event?.(events[i]!, false);
    }
  }

  /** Sinks that write events write what was lost between them. */
  private tellLosses(): void {
    if ((this.parts.losses ?? 'batch') === 'batch') this.losses?.tell(this.time);
  }

  private async flush(): Promise<void> {
    for (const sink of this.sinks) await sink.flush?.();
  }

  private update({ probes }: Source): void {
    if (probes.length === this.known) return;
    this.known = probes.length;
    this.parts.spans?.update(probes);
    for (const sink of this.sinks) sink.probes?.(probes);
  }

  private stopTimers(): void {
    for (const timer of this.timers.splice(0)) clearInterval(timer);
  }
}
