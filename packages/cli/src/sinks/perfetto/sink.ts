/**
 * A trace file for Perfetto and other viewers, and how it grows.
 */

import { count, describeTraced, setStatus, toJson, warn } from '../../output.ts';
import type { Source, TraceEvent } from '../../sources/source.ts';
import type { SpanSpec } from '../../spans/spec.ts';
import type { Span, SpanStage } from '../../spans/stage.ts';
import { standardError } from '../../stderr.ts';
import { print } from '../../stdout.ts';
import { shown } from '../../text.ts';
import { formatBytes } from '../../units.ts';
import type { Loss, Sink } from '../sink.ts';
import { TraceEncoder } from './encoder.ts';
import { TraceFile } from './trace-file.ts';

export interface PerfettoOptions {
  /** The file's path. */
  readonly output: string;
  /** For the trace's own description. */
  readonly patterns: readonly string[];
  readonly spans: SpanStage;
  /** Also tell the result in JSON. */
  readonly json: boolean;
  /** No messages and no progress. */
  readonly quiet: boolean;
}

/** How often the progress is shown, in milliseconds. */
const PROGRESS = 250;

export class PerfettoSink implements Sink {
  readonly interval: number | undefined;
  private readonly options: PerfettoOptions;
  private readonly encoder = new TraceEncoder();
  private source: Source | undefined;
  private file: TraceFile | undefined;
  private text = '';
  private events = 0;
  private begun = 0;

  constructor(options: PerfettoOptions) {
    this.options = options;
    this.interval = !options.quiet && standardError().isTTY ? PROGRESS : undefined;
  }

  /** @throws FailureError when the file can't be written. */
  async begin(source: Source): Promise<void> {
    const { output, patterns, quiet } = this.options;
    this.source = source;
    this.file = await TraceFile.create(output, () => ({
      tool: 'usdt record',
      patterns,
      began: new Date(source.epochDate).toISOString(),
      ...this.result(),
    }));
    this.begun = performance.now();
    if (!quiet) warn(describeTraced(source));
  }

  span(span: Span): void {
    this.text += this.encoder.span(span);
  }

  event(event: TraceEvent, spanned: boolean): void {
    this.events++;
    this.text += this.encoder.event(event, spanned);
  }

  /** Where events are missing is seen in the trace too. */
  lost({ more, time }: Loss): void {
    this.text += this.encoder.note(`${count(more, 'event')} lost`, time);
  }

  async flush(): Promise<void> {
    const { text } = this;
    this.text = '';
    await this.file!.write(text);
  }

  tick(): void {
    const { encoder, events, file, source } = this;
    const seconds = Math.floor((performance.now() - this.begun) / 1000);
    setStatus(
      `recording ${shown(this.options.output)}: ${seconds} s, ${count(events, 'event')}, ${count(encoder.slices, 'slice')}, ${formatBytes(file!.bytes)}, ${source!.lost} lost (Ctrl-C ends it)`,
    );
  }

  async end(): Promise<void> {
    const { output, spans, json, quiet } = this.options;
    await this.flush();
    await this.file!.close();
    setStatus('');
    if (json) await print(`${toJson({ file: output, bytes: this.file!.bytes, ...this.result() })}\n`);
    if (!quiet) for (const spec of spans.mismatched()) warn(mismatchSentence(spec));
  }

  summary(): string | undefined {
    const { output, quiet } = this.options;
    if (quiet) return undefined;
    const { events, slices, instants, unfinished, lost } = this.result();
    const open = unfinished > 0 ? `, ${unfinished} unfinished` : '';
    return `${shown(output)}: ${count(events, 'event')} (${count(slices, 'slice')}${open}, ${count(instants, 'instant')}), ${formatBytes(this.file!.bytes)}, ${lost} lost: open it at https://ui.perfetto.dev`;
  }

  close(): void {
    setStatus('');
  }

  private result() {
    const { slices, instants, unfinished } = this.encoder;
    return { events: this.events, slices, instants, unfinished, lost: this.source!.lost };
  }
}

function mismatchSentence({ start, done, key }: SpanSpec): string {
  const [first, last] = [shown(start), shown(done)];
  const keys = key.map((field) => field.start.name).join(',');
  return `no ${first} and ${last} had the same ${keys}: --slice ${first},${last} --key tid makes slices by the thread`;
}
