/**
 * An event as an object in a line.
 * @module
 */

import type { Clock } from '../../output.ts';
import type { TraceEvent } from '../../sources/source.ts';
import { jsonValue, toJson } from '../../text.ts';

export function jsonLine(event: TraceEvent, clock: Clock): string {
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
