/**
 * `usdt trace`: one line per event.
 * @module
 */

import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { LineWriter } from '../line-writer.ts';
import { addTargetOptions, positiveInteger, splitOperands, type TargetOptions } from '../options.ts';
import { Clock, count, describeTraced, eventJson, lostMessage, toJson, warn } from '../output.ts';
import { runSession } from '../session.ts';
import { print } from '../stdout.ts';
import type { RecordVisitor, Tracer } from '../tracer.ts';

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
  const most = options.count ?? Number.POSITIVE_INFINITY;
  let total = 0;
  let toldLost = 0;
  let lines: LineWriter;
  let clock: Clock;
  const visit: RecordVisitor = (attachment, time, _, thread, bytes, view, start) => {
    if (total === most) return;
    total++;
    lines.write(attachment, time, thread, bytes, view, start);
  };

  process.exitCode = await runSession(patterns, options, program, {
    ready: (tracer) => {
      lines = new LineWriter(tracer.epochDate);
      clock = new Clock(tracer.epochDate);
      if (!options.quiet) warn(describeTraced(tracer));
    },
    ...(!options.json && { visit }),
    events: async (events, tracer) => {
      if (options.json) {
        const shown = events.slice(0, most - total);
        total += shown.length;
        await print(shown.map((event) => `${eventJson(event, clock)}\n`).join(''));
      } else await print(lines.take());
      toldLost = await tellLost(tracer, toldLost, options.json);
      return total < most;
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
