/**
 * What is done with events and spans: printed, counted, drawn, written, served. To add a sink, add a folder with one of
 * these, and name it where a command makes its `Pipeline`. All that is called here is called in order of time.
 */

import type { RecordVisitor } from '../sources/record.ts';
import type { Source, TracedProbe } from '../sources/source.ts';
import type { SpanReceiver } from '../spans/stage.ts';

/** Events that there was no room for. */
export interface Loss {
  /** Since the last time that it was told. */
  readonly more: number;
  readonly total: number;
  /** They are missing somewhere before this time: that of the last event, in nanoseconds. */
  readonly time: number;
}

export interface Sink extends SpanReceiver {
  /** Milliseconds from one `tick` to the next; undefined for none. */
  readonly interval?: number | undefined;
  /** All probes that are traced so far: before `begin`, and before the first events of more of them. */
  probes?(probes: readonly TracedProbe[]): void;
  /** Events will come. A traced command has not begun yet. */
  begin?(source: Source): Promise<void> | void;
  /**
   * In place of `event`: each event as the kernel wrote it, of which no object is made. Only for a sink that is alone, without
   * spans.
   */
  readonly record?: RecordVisitor;
  lost?(loss: Loss): void;
  /** To write what was made so far; waits if the reader is slow. Called after a batch, and within a large one. */
  flush?(): Promise<void> | void;
  tick?(): void;
  /** The last event has come, and the spans that it left open. */
  end?(): Promise<void> | void;
  /** For the user, when all is over: one sentence. */
  summary?(): string | undefined;
  /** Whatever ended it, also before `begin`: gives back what the sink has taken. */
  close?(): void;
}
