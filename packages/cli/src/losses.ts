/**
 * The account of events that there was no room for: who was told of how many.
 */

import { count, warn } from './output.ts';
import type { Sink } from './sinks/sink.ts';
import type { Source } from './sources/source.ts';

export class Losses {
  private readonly source: Pick<Source, 'lost'>;
  private readonly sinks: readonly Sink[];
  private told = 0;

  constructor(source: Pick<Source, 'lost'>, sinks: readonly Sink[]) {
    this.source = source;
    this.sinks = sinks;
  }

  /** Tells the sinks and the user if there are more than they know of. @param time of the last event. */
  tell(time: number): void {
    const { lost } = this.source;
    const more = lost - this.told;
    if (more <= 0) return;
    this.told = lost;
    for (const sink of this.sinks) sink.lost?.({ more, total: lost, time });
    warn(lostMessage(lost));
  }
}

export function lostMessage(lost: number): string {
  return `${count(lost, 'event')} lost so far: they came faster than they could be read (--buffer gives more room, --where wants fewer)`;
}
