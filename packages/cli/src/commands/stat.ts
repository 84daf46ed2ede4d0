/**
 * `usdt stat`: counts, rates and latencies.
 * @module
 */

import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { checkFields, parseField } from '../fields.ts';
import { addTargetOptions, collect, seconds, splitOperands, type TargetOptions } from '../options.ts';
import { Clock, count, describeTraced, lostMessage, toJson, warn } from '../output.ts';
import { checkPairs, Pairing, parsePairs } from '../pairs.ts';
import { runSession } from '../session.ts';
import { type GroupField, type Snapshot, Statistics } from '../stat/statistics.ts';
import { jsonSnapshot, plainLines, type Surroundings, screenLines, summaryLines } from '../stat/view.ts';
import { print, standardOutput } from '../stdout.ts';
import { hasUnicode, Screen } from '../terminal.ts';
import type { Tracer } from '../tracer.ts';

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
    .option('-l, --latency <start,done>', 'the time from one probe to another (may be repeated)', collect)
    .option(
      '-k, --key <fields>',
      'what is the same in both, as in arg0, arg0,arg2, arg0=arg1 or tid (default: arg0 if both have it, or tid)',
      collect,
    )
    .option('-i, --interval <seconds>', 'time between updates', seconds, 1)
    .option('--plain', 'lines instead of a screen, also on a terminal')
    .option('-q, --quiet', 'no messages about what is traced')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(operands: string[], options: StatOptions, command: Command): Promise<void> {
  const [given, program] = splitOperands(operands, command);
  const requests = parsePairs('--latency', options.latency, options.key);
  // Names without a provider are meant among the probes that the patterns choose.
  const named = requests.flatMap(({ start, done }) => [start.text, done.text]);
  const patterns = [
    ...new Set([...given, ...named.filter((text) => given.length === 0 || text.includes(':'))]),
  ];
  if (patterns.length === 0) throw new UsageError("say which probes, as in: usdt stat 'webapp:*'");
  const by = parseBy(options.by);
  const statistics = new Statistics(by, new Pairing({ requests, automatic: false }));
  const ownsInput = options.command === undefined && program.length === 0;
  const live = standardOutput().isTTY && !options.json && !options.plain;

  let screen: Screen | undefined;
  let timer: NodeJS.Timeout | undefined;
  let clock: Clock;
  let begin = 0;
  let last = 0;
  let toldLost = 0;
  let paused = false;
  let latest: Snapshot | undefined;

  const around = (tracer: Tracer): Surroundings => ({
    patterns,
    by: by.map(({ side, name }) => (side ? `${side}.${name}` : name)),
    time: clock.local(now(tracer)).slice(0, 8),
    elapsed: (performance.now() - begin) / 1000,
    lost: tracer.lost,
    problems: tracer.problems,
    unicode: hasUnicode(),
  });
  const draw = (tracer: Tracer): void => {
    const keys = ownsInput ? `q quit  r count anew  space ${paused ? 'go on' : 'pause'}` : 'Ctrl-C ends it';
    if (screen && latest) screen.draw(screenLines(latest, around(tracer), screen, keys));
  };
  const tick = (tracer: Tracer): void => {
    statistics.update(tracer.probes);
    const time = performance.now();
    const snapshot = statistics.snapshot((time - last) / 1000);
    last = time;
    if (paused) return;
    latest = snapshot;
    if (screen) draw(tracer);
    else {
      standardOutput().write(textOf(snapshot, tracer, false));
      if (tracer.lost > toldLost) warn(lostMessage(tracer.lost));
      toldLost = tracer.lost;
    }
  };
  const textOf = (snapshot: Snapshot, tracer: Tracer, final: boolean): string => {
    if (options.json)
      return `${toJson(jsonSnapshot(snapshot, clock.iso(now(tracer)), tracer.lost, final))}\n`;
    const state = around(tracer);
    const lines = final
      ? summaryLines(snapshot, state, standardOutput().columns ?? 100)
      : plainLines(snapshot, state);
    return lines.map((line) => `${line}\n`).join('');
  };
  const onKey = (key: string, tracer: Tracer): void => {
    if (key === 'q') tracer.stop();
    else if (key === 'r') {
      statistics.reset();
      last = performance.now();
      begin = last;
      latest = statistics.snapshot(0);
    } else if (key === ' ') paused = !paused;
    draw(tracer);
  };

  try {
    process.exitCode = await runSession(patterns, options, program, {
      ready: (tracer) => {
        statistics.update(tracer.probes);
        checkFields(by, tracer.probes, '--by');
        for (const problem of checkPairs(requests, tracer.probes, '--latency')) warn(problem);
        clock = new Clock(tracer.epochDate);
        begin = performance.now();
        last = begin;
        latest = statistics.snapshot(0);
        if (live) {
          screen = new Screen({
            redraw: () => draw(tracer),
            ...(ownsInput && { key: (key: string) => onKey(key, tracer) }),
          });
          draw(tracer);
        } else if (!options.quiet) warn(describeTraced(tracer));
        timer = setInterval(() => tick(tracer), options.interval * 1000);
      },
      events: (events, tracer) => {
        statistics.update(tracer.probes);
        for (const event of events) statistics.add(event);
        return true;
      },
      end: async (tracer) => {
        clearInterval(timer);
        const wasLive = screen !== undefined;
        screen?.close();
        screen = undefined;
        const elapsed = (performance.now() - begin) / 1000;
        const final = statistics.snapshot(elapsed, true);
        await print(textOf(final, tracer, true));
        // What was said while there was a screen is gone with it.
        if (wasLive) for (const problem of tracer.problems) warn(problem);
        if (tracer.lost > toldLost) warn(lostMessage(tracer.lost));
        if (!options.quiet)
          warn(`${count(final.events, 'event')} in ${elapsed.toFixed(1)} s, ${tracer.lost} lost`);
      },
    });
  } finally {
    clearInterval(timer);
    screen?.close();
  }
}

/** By the clock of the events. */
function now(tracer: Tracer): number {
  return Number(process.hrtime.bigint() - tracer.epoch);
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
