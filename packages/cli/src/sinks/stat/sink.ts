/**
 * Counts and latencies at intervals, as lines or JSON; and at the end, of the whole time.
 */

import { Clock, count, describeTraced, toJson, warn } from '../../output.ts';
import { type Source, sourceTime } from '../../sources/source.ts';
import { print, standardOutput } from '../../stdout.ts';
import { hasUnicode } from '../../terminal.ts';
import type { Sink } from '../sink.ts';
import type { GroupField, Snapshot, Statistics } from './statistics.ts';
import { jsonSnapshot, plainLines, type Surroundings, summaryLines } from './view.ts';

export interface StatOptions {
  /** For the head of the screen. */
  readonly patterns: readonly string[];
  readonly by: readonly GroupField[];
  /** What is shown. Another sink of the same pipeline, before this one. */
  readonly statistics: Statistics;
  /** Seconds between updates. */
  readonly interval: number;
  readonly json: boolean;
  /** No messages about what is traced. */
  readonly quiet: boolean;
}

/** Columns of a summary that no terminal shows. */
const COLUMNS = 100;

export class StatSink implements Sink {
  readonly interval: number;
  protected readonly options: StatOptions;
  protected readonly statistics: Statistics;
  protected source: Source | undefined;
  /** By `performance.now()`: when counting began, and when the last interval did. */
  protected begun = 0;
  protected last = 0;
  private clock: Clock | undefined;
  private final: { readonly events: number; readonly seconds: number } | undefined;

  constructor(options: StatOptions) {
    this.options = options;
    this.interval = options.interval * 1000;
    this.statistics = options.statistics;
  }

  begin(source: Source): void {
    this.source = source;
    this.clock = new Clock(source.epochDate);
    this.begun = performance.now();
    this.last = this.begun;
    this.announce(source);
  }

  tick(): void {
    const time = performance.now();
    const snapshot = this.statistics.snapshot((time - this.last) / 1000);
    this.last = time;
    this.show(snapshot);
  }

  async end(): Promise<void> {
    const seconds = this.elapsed();
    const snapshot = this.statistics.snapshot(seconds, true);
    this.final = { events: snapshot.events, seconds };
    await print(
      this.options.json
        ? this.jsonLine(snapshot, true)
        : asText(summaryLines(snapshot, this.around(), standardOutput().columns ?? COLUMNS)),
    );
  }

  summary(): string | undefined {
    if (this.options.quiet) return undefined;
    const { events, seconds } = this.final!;
    return `${count(events, 'event')} in ${seconds.toFixed(1)} s, ${this.source!.lost} lost`;
  }

  protected announce(source: Source): void {
    if (!this.options.quiet) warn(describeTraced(source));
  }

  protected show(snapshot: Snapshot): void {
    const { json } = this.options;
    standardOutput().write(
      json ? this.jsonLine(snapshot, false) : asText(plainLines(snapshot, this.around())),
    );
  }

  protected around(): Surroundings {
    const source = this.source!;
    const { patterns, by } = this.options;
    return {
      patterns,
      by: by.map(({ side, name }) => (side ? `${side}.${name}` : name)),
      time: this.clock!.local(sourceTime(source)).slice(0, 8),
      elapsed: this.elapsed(),
      lost: source.lost,
      problems: source.problems,
      unicode: hasUnicode(),
    };
  }

  /** Seconds. */
  private elapsed(): number {
    return (performance.now() - this.begun) / 1000;
  }

  private jsonLine(snapshot: Snapshot, final: boolean): string {
    const source = this.source!;
    const time = this.clock!.iso(sourceTime(source));
    return `${toJson(jsonSnapshot(snapshot, time, source.lost, final))}\n`;
  }
}

function asText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
