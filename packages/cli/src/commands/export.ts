/**
 * `usdt export`: an agent that counts and measures, and tells Prometheus.
 */

import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../errors.ts';
import { parseField } from '../fields.ts';
import {
  addTargetOptions,
  KEY_OPTION,
  LATENCY_OPTION,
  splitOperands,
  type TargetOptions,
} from '../options.ts';
import { runPipeline } from '../pipeline.ts';
import { type Address, DEFAULT_ADDRESS, parseAddress } from '../sinks/prometheus/listen.ts';
import { BUCKETS } from '../sinks/prometheus/metrics.ts';
import { PrometheusSink } from '../sinks/prometheus/sink.ts';
import { parseSpans, patternsOf, SpanSpecs } from '../spans/spec.ts';
import { SpanStage } from '../spans/stage.ts';

interface ExportOptions extends TargetOptions {
  readonly listen: Address;
  readonly latency?: string[];
  readonly key?: string[];
  readonly by?: string;
  readonly buckets: readonly number[];
  readonly quiet?: boolean;
}

const EXAMPLES = `
It waits for programs that are not running yet, and ends by a signal. With --json it prints where it listens.

Examples:
  $ usdt export 'webapp:*'                                      the events of each probe, on ${DEFAULT_ADDRESS}
  $ usdt export 'webapp:*' --latency request-start,request-done --key arg0
  $ usdt export 'webapp:request-done' --by arg1                 by status: choose fields with few values
  $ usdt export 'postgresql:*' --listen :9464                   for a Prometheus on another machine
`;

export function define(command: Command): void {
  addTargetOptions(
    command
      .description('Count events and measure the time between them, for Prometheus to scrape.')
      .argument('[pattern...]', 'which probes; with --latency its probes are enough'),
  )
    .option('--listen <host:port>', 'where to listen', parseAddress, parseAddress(DEFAULT_ADDRESS))
    .option(...LATENCY_OPTION)
    .option(...KEY_OPTION)
    .option(
      '--by <fields>',
      "label metrics by these fields (arg1, or comm,arg0); latencies use the end event's",
    )
    .option('--buckets <seconds,...>', 'upper ends of the buckets of latencies', parseBuckets, BUCKETS)
    .option('-q, --quiet', 'no messages about what is traced')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

function parseBuckets(text: string): readonly number[] {
  const buckets = text.split(',').map(Number);
  const ascending = buckets.every((end, index) => end > 0 && end > (buckets[index - 1] ?? 0));
  if (!ascending || !buckets.every(Number.isFinite))
    throw new InvalidArgumentError('It must be numbers above 0 in ascending order, as in 0.001,0.01,0.1.');
  return buckets;
}

async function run(operands: string[], options: ExportOptions, command: Command): Promise<void> {
  const [given, program] = splitOperands(operands, command);
  const requests = parseSpans('--latency', options.latency, options.key);
  const patterns = patternsOf(given, requests);
  if (patterns.length === 0) throw new UsageError("say which probes, as in: usdt export 'webapp:*'");
  const by = (options.by?.split(',') ?? []).map((name) => parseField(name, '--by'));
  const spans = new SpanStage(new SpanSpecs({ requests, automatic: false }));
  const { listen, buckets, json = false, quiet = false } = options;
  const sink = await PrometheusSink.listen({ listen, by, spans, buckets, json, quiet });
  await runPipeline(patterns, { ...options, wait: true }, program, {
    spans,
    by,
    sinks: [sink.metrics, sink],
  });
}
