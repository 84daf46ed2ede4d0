/**
 * `usdt trace`: one line per event.
 * @module
 */

import type { Command } from 'commander';
import pc from 'picocolors';
import { probeTitle } from '../catalogue/probe.ts';
import { UsageError } from '../errors.ts';
import { addTargetOptions, positiveInteger, splitOperands, type TargetOptions } from '../options.ts';
import {
  Clock,
  count,
  describeTraced,
  eventJson,
  formatArguments,
  lostMessage,
  toJson,
  warn,
} from '../output.ts';
import { runSession } from '../session.ts';
import { print } from '../stdout.ts';
import { shown } from '../text.ts';
import type { TracedProbe, TraceEvent, Tracer } from '../tracer.ts';

interface TraceOptions extends TargetOptions {
  readonly count?: number;
  readonly quiet?: boolean;
}

const EXAMPLES = `
Patterns are PROVIDER:PROBE or FILE:PROVIDER:PROBE, with * and ?; - and __ are the same.
A command may also follow the patterns behind --.

Examples:
  $ usdt trace 'webapp:request-*'                       every request, of all processes
  $ usdt trace 'webapp:*' --where 'arg1 >= 500'         errors only, filtered by the kernel
  $ usdt trace 'python:gc*' -c '/usr/bin/python3 x.py'   another program's probes, for one run
  $ usdt trace 'postgresql:query-start' -p 812 --types string --json
`;

export function define(command: Command): void {
  addTargetOptions(
    command
      .description('Print the events of probes as they happen: time, process, thread, probe and arguments.')
      .argument('<pattern...>', 'which probes'),
  )
    .option('-n, --count <number>', 'end after this many events', positiveInteger)
    .option('-q, --quiet', 'no messages about what is traced')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(operands: string[], options: TraceOptions, command: Command): Promise<void> {
  const [patterns, program] = splitOperands(operands, command);
  if (patterns.length === 0) throw new UsageError('a pattern must come before --');
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let total = 0;
  let toldLost = 0;
  let clock: Clock;
  const line = options.json ? eventJson : eventLine;

  process.exitCode = await runSession(patterns, options, program, {
    ready: (tracer) => {
      clock = new Clock(tracer.epochDate);
      if (!options.quiet) warn(describeTraced(tracer));
    },
    events: async (events, tracer) => {
      const shown = events.length > left ? events.slice(0, left) : events;
      left -= shown.length;
      total += shown.length;
      let text = '';
      for (const event of shown) text += `${line(event, clock)}\n`;
      await print(text);
      toldLost = await tellLost(tracer, toldLost, options.json);
      return left > 0;
    },
    end: async (tracer) => {
      await tellLost(tracer, toldLost, options.json);
      if (!options.quiet) warn(`${count(total, 'event')}, ${tracer.lost} lost`);
    },
  });
}

async function tellLost(tracer: Tracer, told: number, json: boolean | undefined): Promise<number> {
  const { lost } = tracer;
  if (lost <= told) return told;
  if (json) await print(`${toJson({ lost })}\n`);
  warn(lostMessage(lost));
  return lost;
}

function eventLine(event: TraceEvent, clock: Clock): string {
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
