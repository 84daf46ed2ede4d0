/**
 * An event as a line for people.
 * @module
 */

import pc from 'picocolors';
import { probeTitle } from '../../catalogue/probe.ts';
import { type Clock, formatArguments } from '../../output.ts';
import type { TracedProbe, TraceEvent } from '../../sources/source.ts';
import { shown } from '../../text.ts';

export function textLine(event: TraceEvent, clock: Clock): string {
  const { probe, pid, tid, comm, thread, args, time } = event;
  // A thread that has a name of its own is told by it.
  const name = thread === comm || tid === pid ? '' : ` ${shown(thread)}`;
  const who = `${shown(comm)} ${pid}${tid === pid ? '' : `/${tid}${name}`}`;
  return `${pc.dim(clock.local(time))}  ${who.padEnd(20)} ${titleOf(probe)}  ${formatArguments(args, probe.arguments)}`;
}

/** Written often. */
const titles = new WeakMap<TracedProbe, string>();

function titleOf(probe: TracedProbe): string {
  let title = titles.get(probe);
  if (title === undefined) {
    title = pc.cyan(shown(probeTitle(probe)));
    titles.set(probe, title);
  }
  return title;
}
