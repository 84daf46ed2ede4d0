/**
 * `usdt stat`: counts, rates and latencies.
 */

import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { parseField } from '../fields.ts';
import {
  addTargetOptions,
  KEY_OPTION,
  LATENCY_OPTION,
  seconds,
  splitOperands,
  type TargetOptions,
} from '../options.ts';
import { runPipeline } from '../pipeline.ts';
import { ScreenSink } from '../sinks/stat/screen.ts';
import { StatSink } from '../sinks/stat/sink.ts';
import { type GroupField, Statistics } from '../sinks/stat/statistics.ts';
import { parseSpans, patternsOf, SpanSpecs } from '../spans/spec.ts';
import { SpanStage } from '../spans/stage.ts';
import { standardOutput } from '../stdout.ts';

interface StatOptions extends TargetOptions {
  readonly by?: string;
  readonly latency?: string[];
  readonly key?: string[];
  readonly interval: number;
  readonly plain?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLES = `
Fields are arg0, arg1 ..., pid, tid, comm and thread. Keys of the screen: q quit, r count anew, space pause.

Examples:
  $ usdt stat 'webapp:*'                                        how often each probe fires
  $ usdt stat 'webapp:request-done' --by arg1                   by its second argument
  $ usdt stat --latency webapp:request-start,request-done --key arg0
  $ usdt stat 'webapp:*' --latency request-start,request-done --key arg0 --by start.arg1
  $ usdt stat 'postgresql:*' --types string --json --interval 10 | my-collector
`;

export function define(command: Command): void {
  addTargetOptions(
    command
      .description('Count the events of probes and measure the time between them, live.')
      .argument('[pattern...]', 'which probes; with --latency its probes are enough'),
  )
    .option('--by <fields>', 'count for each value of these fields, as in arg1 or comm,arg0; latencies too')
    .option(...LATENCY_OPTION)
    .option(...KEY_OPTION)
    .option('-i, --interval <seconds>', 'time between updates', seconds, 1)
    .option('--plain', 'lines instead of a screen, also on a terminal')
    .option('-q, --quiet', 'no messages about what is traced')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(operands: string[], options: StatOptions, command: Command): Promise<void> {
  const [given, program] = splitOperands(operands, command);
  const requests = parseSpans('--latency', options.latency, options.key);
  const patterns = patternsOf(given, requests);
  if (patterns.length === 0) throw new UsageError("say which probes, as in: usdt stat 'webapp:*'");
  const by = parseBy(options.by);
  const spans = new SpanStage(new SpanSpecs({ requests, automatic: false }));
  const { interval, json = false, quiet = false } = options;
  const live = standardOutput().isTTY && !json && !options.plain;
  const keys = options.command === undefined && program.length === 0;
  const statistics = new Statistics(by, spans);
  const shown = { patterns, by, statistics, interval, json, quiet };
  await runPipeline(patterns, options, program, {
    spans,
    by,
    sinks: [statistics, live ? new ScreenSink({ ...shown, keys }) : new StatSink(shown)],
    losses: live ? 'end' : 'tick',
  });
}

/** `arg1`, `comm,arg0`, `start.arg1`. */
function parseBy(text: string | undefined): GroupField[] {
  const fields = (text?.split(',') ?? []).map((part): GroupField => {
    const [, side, name] = /^\s*(?:(start|done)\.)?(.*)$/.exec(part)!;
    return { ...parseField(name!, '--by'), side: side as GroupField['side'] };
  });
  if (new Set(fields.flatMap(({ side }) => side ?? [])).size > 1)
    throw new UsageError('--by: fields of the start and of the end can not be mixed');
  return fields;
}
