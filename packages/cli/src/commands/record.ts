/**
 * `usdt record`: the events as a trace for a viewer.
 */

import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { addTargetOptions, collect, KEY_OPTION, splitOperands, type TargetOptions } from '../options.ts';
import { runPipeline } from '../pipeline.ts';
import { PerfettoSink } from '../sinks/perfetto/sink.ts';
import { parseSpans, SpanSpecs } from '../spans/spec.ts';
import { SpanStage } from '../spans/stage.ts';

interface RecordOptions extends TargetOptions {
  readonly output: string;
  readonly slice?: string[];
  readonly key?: string[];
  readonly quiet?: boolean;
}

const EXAMPLES = `
Open the file at https://ui.perfetto.dev (it stays in your browser) or in chrome://tracing.
Probes whose names end in -start/-done, -start/-end, -begin/-end or -entry/-return become slices by themselves: those
with the same first argument, or, if they have none and for -entry/-return, of the same thread.

Examples:
  $ usdt record -o trace.json 'webapp:*' --duration 10
  $ usdt record -o trace.json 'webapp:*' --slice request-start,reply-sent --key arg0
  $ usdt record -o trace.json 'python:*' --types string,string -- python3 program.py
`;

export function define(command: Command): void {
  addTargetOptions(
    command
      .description('Record the events of probes as a trace for Perfetto and other viewers.')
      .argument('<pattern...>', 'which probes'),
  )
    .requiredOption('-o, --output <file>', 'where to write the trace; - is the standard output')
    .option('-s, --slice <start,done>', 'make slices of these two probes (may be repeated)', collect)
    .option(...KEY_OPTION)
    .option('-q, --quiet', 'no messages and no progress')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(operands: string[], options: RecordOptions, command: Command): Promise<void> {
  const [patterns, program] = splitOperands(operands, command);
  if (patterns.length === 0) throw new UsageError('a pattern must come before --');
  if (options.output === '-' && options.json)
    throw new UsageError('with --json the summary goes to the standard output: the trace needs a file');
  const output = options.output === '-' ? '/dev/stdout' : options.output;
  const requests = parseSpans('--slice', options.slice, options.key);
  const spans = new SpanStage(new SpanSpecs({ requests, automatic: true }));
  const { json = false, quiet = false } = options;
  await runPipeline(patterns, options, program, {
    spans,
    sinks: [new PerfettoSink({ output, patterns, spans, json, quiet })],
  });
}
