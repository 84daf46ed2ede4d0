/**
 * Counts and latencies on a screen that is drawn anew at intervals, with keys; and at the end, of the whole time.
 */

import { warn } from '../../output.ts';
import { Screen } from '../../terminal.ts';
import { type StatOptions, StatSink } from './sink.ts';
import type { Snapshot } from './statistics.ts';
import { screenLines } from './view.ts';

export interface ScreenOptions extends StatOptions {
  /** Whether the standard input is for the keys, and not for a traced command. */
  readonly keys: boolean;
}

export class ScreenSink extends StatSink {
  private readonly keys: boolean;
  private screen: Screen | undefined;
  private latest: Snapshot | undefined;
  private paused = false;

  constructor(options: ScreenOptions) {
    super(options);
    this.keys = options.keys;
  }

  override async end(): Promise<void> {
    this.close();
    await super.end();
    // What was said while there was a screen is gone with it.
    for (const problem of this.source!.problems) warn(problem);
  }

  close(): void {
    this.screen?.close();
    this.screen = undefined;
  }

  /** The screen says what is traced. */
  protected override announce(): void {
    this.latest = this.statistics.snapshot(0);
    this.screen = new Screen({
      redraw: () => this.draw(),
      ...(this.keys && { key: (key: string) => this.onKey(key) }),
    });
    this.draw();
  }

  protected override show(snapshot: Snapshot): void {
    if (this.paused) return;
    this.latest = snapshot;
    this.draw();
  }

  private draw(): void {
    const keys = this.keys
      ? `q quit  r count anew  space ${this.paused ? 'go on' : 'pause'}`
      : 'Ctrl-C ends it';
    if (this.screen && this.latest)
      this.screen.draw(screenLines(this.latest, this.around(), this.screen, keys));
  }

  private onKey(key: string): void {
    if (key === 'q') this.source!.stop();
    else if (key === 'r') {
      this.statistics.reset();
      this.last = performance.now();
      this.begun = this.last;
      this.latest = this.statistics.snapshot(0);
    } else if (key === ' ') this.paused = !this.paused;
    this.draw();
  }
}
