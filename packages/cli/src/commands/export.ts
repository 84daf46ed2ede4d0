/**
 * `usdt export`: an agent that counts and measures, and tells Prometheus.
 * @module
 */

import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../errors.ts';
import { type Address, DEFAULT_ADDRESS, parseAddress } from '../export/listen.ts';
import { BUCKETS, Metrics } from '../export/metrics.ts';
import { type MetricsServer, serveMetrics } from '../export/server.ts';
import { checkFields, parseField } from '../fields.ts';
import { addTargetOptions, collect, splitOperands, type TargetOptions } from '../options.ts';
import { describeTraced, lostMessage, toJson, warn } from '../output.ts';
import { checkPairs, Pairing, parsePairs } from '../pairs.ts';
import { runSession } from '../session.ts';
import { print } from '../stdout.ts';

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
    .option('-l, --latency <start,done>', 'the time from one probe to another (may be repeated)', collect)
    .option(
      '-k, --key <fields>',
      'what is the same in both, as in arg0, arg0,arg2, arg0=arg1 or tid (default: arg0 if both have it, or tid)',
      collect,
    )
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
  const requests = parsePairs('--latency', options.latency, options.key);
  // Names without a provider are meant among the probes that the patterns choose.
  const named = requests.flatMap(({ start, done }) => [start.text, done.text]);
  const patterns = [
    ...new Set([...given, ...named.filter((text) => given.length === 0 || text.includes(':'))]),
  ];
  if (patterns.length === 0) throw new UsageError("say which probes, as in: usdt export 'webapp:*'");
  const by = (options.by?.split(',') ?? []).map((name) => parseField(name, '--by'));
  let lost = (): number => 0;
  const metrics = new Metrics({
    by,
    pairing: new Pairing({ requests, automatic: false }),
    buckets: options.buckets,
    lost: () => lost(),
  });
  let toldLost = 0;
  let server: MetricsServer | undefined;
  try {
    // An address that can't be had is told before anything is attached.
    server = await serveMetrics(options.listen, metrics);
    const { url } = server;
    process.exitCode = await runSession(patterns, { ...options, wait: true }, program, {
      ready: async (tracer) => {
        lost = () => tracer.lost;
        checkFields(by, tracer.probes, '--by');
        for (const problem of checkPairs(requests, tracer.probes, '--latency')) warn(problem);
        metrics.update(tracer.probes);
        if (options.json) await print(`${toJson({ url })}\n`);
        if (options.quiet) return;
        warn(describeTraced(tracer));
        warn(`metrics are at ${url}`);
      },
      events: (events, tracer) => {
        metrics.update(tracer.probes);
        for (const event of events) metrics.add(event);
        if (tracer.lost > toldLost) warn(lostMessage(tracer.lost));
        toldLost = tracer.lost;
        return true;
      },
    });
  } finally {
    server?.close();
  }
}
