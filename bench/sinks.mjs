/**
 * Processor time per event of `usdt stat`, with and without latencies, `usdt record` and `usdt export`. With
 * LIBUSDT_BENCH_BASE, the bin/usdt.js of another build, also the ratio to that one, in turns. Arguments name commands.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile, report, smoke } from './harness.mjs';
import { here, interrupt, kill, temporaryFolder } from './tools.mjs';

/** Events per second: half of them begin a span, half end one. */
const RATE = smoke ? 2000 : 50_000;
const SECONDS = smoke ? 0.2 : 3;
const ROUNDS = smoke ? 1 : 5;
/** Milliseconds in which a tracer reads what was fired. */
const SETTLED = 300;

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const folder = temporaryFolder();
process.env.LIBUSDT_DIR = folder;
const builds = { this: join(here, '../packages/cli/bin/usdt.js') };
if (process.env.LIBUSDT_BENCH_BASE) builds.base = process.env.LIBUSDT_BENCH_BASE;

if (process.geteuid?.() !== 0)
  report([{ what: 'usdt stat, record and export', unit: 'ns', skipped: 'tracers need root' }]);
else await measure();

async function measure() {
  const program = spawn(process.execPath, [join(here, 'programs/spans.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  process.on('exit', () => kill(program, 'SIGKILL'));
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const file = (await lines.next()).value;
  const latency = ['--latency', 'request-start,request-done', '--key', 'arg0'];
  const pattern = `${file}:paced:*`;
  const commands = {
    stat: ['stat', '-q', pattern],
    'stat --latency': ['stat', '-q', pattern, ...latency],
    'stat --latency --by': ['stat', '-q', pattern, ...latency, '--by', 'done.arg1'],
    record: ['record', '-q', '-o', join(folder, 'trace.json'), pattern],
    export: ['export', '-q', '--listen', '127.0.0.1:0', pattern, ...latency],
  };

  /** Nanoseconds of processor time per event, from the first event on. */
  const trace = async (bin, args) => {
    const tracer = spawn(process.execPath, [bin, ...args], { stdio: 'ignore' });
    const ended = new Promise((resolve) => tracer.once('exit', resolve));
    try {
      program.stdin.write(`${RATE} ${SECONDS}\n`);
      await lines.next();
      const before = processorTime(tracer.pid);
      const fired = Number((await lines.next()).value);
      await sleep(SETTLED);
      return (processorTime(tracer.pid) - before) / fired;
    } finally {
      await interrupt(tracer, ended);
    }
  };

  const rows = [];
  for (const [name, args] of Object.entries(commands)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const times = Object.fromEntries(Object.keys(builds).map((build) => [build, []]));
    for (let round = 0; round < ROUNDS; round++) {
      const turns = Object.entries(builds);
      for (const [build, bin] of round % 2 ? turns.reverse() : turns)
        times[build].push(await trace(bin, args));
    }
    rows.push(row(`usdt ${name}`, times.this, 'ns/event'));
    if (times.base)
      rows.push(
        row(
          `usdt ${name}, by the other build`,
          times.this.map((time, round) => time / times.base[round]),
          'x',
        ),
      );
  }
  program.stdin.end();
  report(rows);
}

function row(what, values, unit) {
  return { what, value: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75), unit };
}

/** Nanoseconds that a process ran, its threads included. https://docs.kernel.org/scheduler/sched-stats.html */
function processorTime(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((tid) => Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1').split(' ')[0]))
    .reduce((sum, time) => sum + time, 0);
}
