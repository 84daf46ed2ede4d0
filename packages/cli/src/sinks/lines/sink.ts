/**
 * What lines of text and of JSON have in common: one for each event, on the standard output.
 */

import { count, describeTraced, warn } from '../../output.ts';
import type { Source } from '../../sources/source.ts';
import type { Sink } from '../sink.ts';

export interface LineOptions {
  /** No messages about what is traced. */
  readonly quiet?: boolean;
}

export abstract class LineSink implements Sink {
  protected events = 0;
  private readonly options: LineOptions;
  private source: Source | undefined;

  constructor(options: LineOptions) {
    this.options = options;
  }

  begin(source: Source): void {
    this.source = source;
    if (!this.options.quiet) warn(describeTraced(source));
  }

  abstract flush(): Promise<void>;

  end(): Promise<void> {
    return this.flush();
  }

  summary(): string | undefined {
    if (this.options.quiet) return undefined;
    return `${count(this.events, 'event')}, ${this.source!.lost} lost`;
  }
}
