/**
 * `usdt trace`: one line per event.
 */

import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { addTargetOptions, positiveInteger, splitOperands, type TargetOptions } from '../options.ts';
import { runPipeline } from '../pipeline.ts';
import { JsonSink } from '../sinks/lines/json.ts';
import { TextSink } from '../sinks/lines/text.ts';

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
  await runPipeline(patterns, options, program, {
    sinks: [options.json ? new JsonSink(options) : new TextSink(options)],
    ...(options.count !== undefined && { limit: options.count }),
  });
}
