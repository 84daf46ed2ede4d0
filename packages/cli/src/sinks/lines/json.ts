/**
 * An event as an object in a line.
 */

import { Clock } from '../../output.ts';
import type { Source, TraceEvent } from '../../sources/source.ts';
import { print } from '../../stdout.ts';
import { jsonValue, toJson } from '../../text.ts';
import type { Loss } from '../sink.ts';
import { LineSink } from './sink.ts';

export class JsonSink extends LineSink {
  private clock: Clock | undefined;
  private text = '';

  override begin(source: Source): void {
    this.clock = new Clock(source.epochDate);
    super.begin(source);
  }

  event(event: TraceEvent): void {
    this.events++;
    this.text += `${jsonLine(event, this.clock!)}\n`;
  }

  lost({ total }: Loss): void {
    this.text += `${toJson({ lost: total })}\n`;
  }

  async flush(): Promise<void> {
    const { text } = this;
    this.text = '';
    if (text !== '') await print(text);
  }
}

function jsonLine(event: TraceEvent, clock: Clock): string {
  const { probe, pid, tid, comm, thread, cpu, args } = event;
  return toJson({
    time: clock.iso(event.time),
    provider: probe.provider,
    probe: probe.name,
    pid,
    tid,
    comm,
    thread,
    cpu,
    args: args.map(jsonValue),
  });
}
