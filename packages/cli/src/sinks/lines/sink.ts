/**
 * One line for each event, as text or JSON, on the standard output.
 * @module
 */

import { Clock, count, describeTraced, print, toJson, warn } from '../../output.ts';
import type { Source, TraceEvent } from '../../sources/source.ts';
import type { Loss, Sink } from '../sink.ts';
import { jsonLine } from './json.ts';
import { textLine } from './text.ts';

export interface LineOptions {
  readonly json?: boolean;
  /** No messages about what is traced. */
  readonly quiet?: boolean;
}

export class LineSink implements Sink {
  private readonly options: LineOptions;
  private readonly line: (event: TraceEvent, clock: Clock) => string;
  private source: Source | undefined;
  private clock: Clock | undefined;
  private text = '';
  private events = 0;

  constructor(options: LineOptions) {
    this.options = options;
    this.line = options.json ? jsonLine : textLine;
  }

  begin(source: Source): void {
    this.source = source;
    this.clock = new Clock(source.epochDate);
    if (!this.options.quiet) warn(describeTraced(source));
  }

  event(event: TraceEvent): void {
    this.events++;
    this.text += `${this.line(event, this.clock!)}\n`;
  }

  lost({ total }: Loss): void {
    if (this.options.json) this.text += `${toJson({ lost: total })}\n`;
  }

  async flush(): Promise<void> {
    const { text } = this;
    this.text = '';
    if (text !== '') await print(text);
  }

  end(): Promise<void> {
    return this.flush();
  }

  summary(): string | undefined {
    if (this.options.quiet) return undefined;
    return `${count(this.events, 'event')}, ${this.source!.lost} lost`;
  }
}
