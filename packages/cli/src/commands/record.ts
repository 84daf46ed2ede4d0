/**
 * `usdt record`: the events as a trace for a viewer.
 * @module
 */

import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { addTargetOptions, collect, splitOperands, type TargetOptions } from '../options.ts';
import { count, describeTraced, lostMessage, setStatus, toJson, warn } from '../output.ts';
import { checkPairs, Pairing, parsePairs } from '../pairs.ts';
import { TraceEncoder } from '../record/encoder.ts';
import { TraceFile } from '../record/trace-file.ts';
import { runSession } from '../session.ts';
import { formatBytes } from '../stat/units.ts';
import { standardError } from '../stderr.ts';
import { print } from '../stdout.ts';
import { shown } from '../text.ts';
import type { Tracer } from '../tracer.ts';

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

/** How often the progress is shown, in milliseconds. */
const PROGRESS = 250;
/** Text is written when there is this much of it, or at the end of a batch. In characters. */
const CHUNK = 1 << 20;

export function define(command: Command): void {
  addTargetOptions(
    command
      .description('Record the events of probes as a trace for Perfetto and other viewers.')
      .argument('<pattern...>', 'which probes'),
  )
    .requiredOption('-o, --output <file>', 'where to write the trace; - is the standard output')
    .option('-s, --slice <start,done>', 'make slices of these two probes (may be repeated)', collect)
    .option(
      '-k, --key <fields>',
      'what is the same in both, as in arg0, arg0,arg2, arg0=arg1 or tid (default: arg0 if both have it, or tid)',
      collect,
    )
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
  const requests = parsePairs('--slice', options.slice, options.key);
  const pairing = new Pairing({ requests, automatic: true });
  const encoder = new TraceEncoder({ pairing });
  let file: TraceFile | undefined;
  let timer: NodeJS.Timeout | undefined;
  let begin = 0;
  let events = 0;
  let last = 0;
  let toldLost = 0;

  const summary = (tracer: Tracer) => ({
    events,
    slices: encoder.slices,
    instants: encoder.instants,
    unfinished: encoder.unfinished,
    lost: tracer.lost,
  });
  const progress = (tracer: Tracer): void => {
    const seconds = Math.floor((performance.now() - begin) / 1000);
    setStatus(
      `recording ${shown(output)}: ${seconds} s, ${count(events, 'event')}, ${count(encoder.slices, 'slice')}, ${formatBytes(file!.bytes)}, ${tracer.lost} lost (Ctrl-C ends it)`,
    );
  };
  /** Where events are missing is seen in the trace too. */
  const tellLost = ({ lost }: Tracer): string => {
    if (lost <= toldLost) return '';
    const note = encoder.note(`${count(lost - toldLost, 'event')} lost`, last);
    toldLost = lost;
    warn(lostMessage(lost));
    return note;
  };

  try {
    process.exitCode = await runSession(patterns, options, program, {
      ready: async (tracer) => {
        pairing.update(tracer.probes);
        for (const problem of checkPairs(requests, tracer.probes, '--slice')) warn(problem);
        file = await TraceFile.create(output, () => ({
          tool: 'usdt record',
          patterns,
          began: new Date(tracer.epochDate).toISOString(),
          ...summary(tracer),
        }));
        begin = performance.now();
        if (options.quiet) return;
        warn(describeTraced(tracer));
        if (standardError().isTTY) timer = setInterval(() => progress(tracer), PROGRESS);
      },
      events: async (batch, tracer) => {
        pairing.update(tracer.probes);
        let text = '';
        for (const event of batch) {
          text += encoder.encode(event);
          if (text.length < CHUNK) continue;
          await file!.write(text);
          text = '';
        }
        events += batch.length;
        last = batch.at(-1)!.time;
        await file!.write(text + tellLost(tracer));
        return true;
      },
      end: async (tracer) => {
        clearInterval(timer);
        let text = '';
        for (const rest of encoder.rest()) {
          text += rest;
          if (text.length < CHUNK) continue;
          await file!.write(text);
          text = '';
        }
        await file!.write(text + tellLost(tracer));
        await file!.close();
        setStatus('');
        const { slices, instants, unfinished, lost } = summary(tracer);
        if (options.json)
          await print(`${toJson({ file: output, bytes: file!.bytes, ...summary(tracer) })}\n`);
        if (options.quiet) return;
        for (const { start, done, key } of encoder.mismatched()) {
          const keys = key.map((field) => field.start.name).join(',');
          warn(
            `no ${shown(start)} and ${shown(done)} had the same ${keys}: --slice ${shown(start)},${shown(done)} --key tid makes slices by the thread`,
          );
        }
        const open = unfinished > 0 ? `, ${unfinished} unfinished` : '';
        warn(
          `${shown(output)}: ${count(events, 'event')} (${count(slices, 'slice')}${open}, ${count(instants, 'instant')}), ${formatBytes(file!.bytes)}, ${lost} lost: open it at https://ui.perfetto.dev`,
        );
      },
    });
  } finally {
    clearInterval(timer);
    setStatus('');
  }
}
