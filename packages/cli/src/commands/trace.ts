/**
 * `usdt trace`: one line per event.
 * @module
 */

import type { Command } from 'commander';
import pc from 'picocolors';
import { UsageError } from '../errors.ts';
import { addTargetOptions, positiveInteger, type TargetOptions } from '../options.ts';
import { Clock, count, eventJson, formatArguments, print, toJson, warn } from '../output.ts';
import { runSession } from '../session.ts';
import type { TraceEvent, Tracer } from '../tracer.ts';

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
  $ usdt trace 'libc:*' -c 'ls -l'                      the C library's probes in one command
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
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let total = 0;
  let toldLost = 0;
  let clock: Clock;
  const line = options.json ? eventJson : eventLine;

  process.exitCode = await runSession(patterns, options, program, {
    ready: (tracer) => {
      clock = new Clock(tracer.epochDate);
      if (!options.quiet) warn(describe(tracer));
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

/** What stands behind `--` is a program with its arguments. */
function splitOperands(
  operands: readonly string[],
  command: Command,
): [patterns: string[], program: string[]] {
  const { rawArgs } = command.parent as unknown as { rawArgs: readonly string[] };
  const dashes = rawArgs.indexOf('--');
  const behind = dashes === -1 ? 0 : rawArgs.length - dashes - 1;
  const patterns = operands.slice(0, operands.length - behind);
  if (patterns.length === 0) throw new UsageError('a pattern must come before --');
  return [patterns, operands.slice(operands.length - behind)];
}

function describe({ probes }: Tracer): string {
  if (probes.length === 0) return 'no probe matches yet: waiting for a program that has some';
  const names = [...new Set(probes.map(({ provider, name }) => `${provider}:${name}`))];
  const list =
    names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
  const sites = probes.length > names.length ? ` at ${probes.length} places` : '';
  return `tracing ${list}${sites}`;
}

async function tellLost(tracer: Tracer, told: number, json: boolean | undefined): Promise<number> {
  const { lost } = tracer;
  if (lost <= told) return told;
  if (json) await print(`${toJson({ lost })}\n`);
  warn(
    `${count(lost, 'event')} lost so far: they came faster than they could be read (--buffer gives more room, --where wants fewer)`,
  );
  return lost;
}

function eventLine(event: TraceEvent, clock: Clock): string {
  const { probe, pid, tid, comm, args, time } = event;
  const who = `${comm} ${pid}${tid === pid ? '' : `/${tid}`}`;
  return `${pc.dim(clock.local(time))}  ${who.padEnd(20)} ${pc.cyan(`${probe.provider}:${probe.name}`)}  ${formatArguments(args, probe.arguments)}`;
}
