/** A program that fires at a rate (programs/paced.mjs), and tracers of it that print each event to a file. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { here, interrupt, kill, temporaryFolder } from './tools.mjs';

/** Milliseconds until a tracer must have done something. */
const PATIENCE = 60_000;
/** Milliseconds that the program waits after it is traced. */
export const PAUSE = 300;

export const USDT = join(here, '../packages/cli/bin/usdt.js');

/** Why tracers can't be compared here; undefined if they can. */
export function reasonToSkip() {
  if (process.geteuid?.() !== 0) return 'tracers need root';
  if (spawnSync('bpftrace', ['--version']).status !== 0) return 'bpftrace is not installed';
  return undefined;
}

/** Starts the program. */
export async function startPaced() {
  const folder = temporaryFolder();
  const env = { ...process.env, LIBUSDT_DIR: folder };
  const output = join(folder, 'output');
  const program = spawn(process.execPath, [join(here, 'programs/paced.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  process.on('exit', () => kill(program, 'SIGKILL'));
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const file = (await lines.next()).value;

  const bpftrace = [
    'bpftrace',
    '-q',
    '-e',
    `usdt:${file}:paced:hit { printf("%d %s\\n", arg0, str(arg1)); }`,
  ];
  /** @param {string} path of a `usdt`. */
  const usdt = (path) => [process.execPath, path, 'trace', '-q', `${file}:paced:hit`];

  function start([command, ...args]) {
    const descriptor = openSync(output, 'w');
    const child = spawn(command, args, { stdio: ['ignore', descriptor, 'inherit'], env });
    closeSync(descriptor);
    return child;
  }

  /** Fires at a rate, once the program is traced. */
  async function fire(rate, seconds) {
    program.stdin.write(`${rate} ${seconds}\n`);
    const [fired, took] = (await lines.next()).value.split(' ').map(Number);
    return { fired, rate: fired / took };
  }

  /** Lines that tell of an event; all print the string. */
  const seen = () => readFileSync(output, 'latin1').split('twenty characters..!').length - 1;

  /** Waits until nothing is written any more. */
  async function settled() {
    for (let size = -1, now = 0; now !== size; await sleep(500)) {
      size = now;
      now = readFileSync(output).length;
    }
  }

  /** What is fired at each of the rates, what is seen of it in the end, and the processor time of each, in milliseconds. */
  async function trace(tracer, ...runs) {
    const child = start(tracer);
    try {
      const fired = [];
      for (const [rate, seconds] of runs) {
        const before = processorTime(child.pid);
        const run = await fire(rate, seconds);
        await settled();
        fired.push({ ...run, cpu: processorTime(child.pid) - before });
      }
      await interrupt(child, ended(child));
      return { fired, seen: seen() };
    } finally {
      kill(child, 'SIGKILL');
    }
  }

  /** Milliseconds from a tracer's start to its first line, without the program's pause. */
  async function firstLine(tracer) {
    const begin = performance.now();
    const child = start(tracer);
    try {
      program.stdin.write('1000 0.2\n');
      const limit = begin + PATIENCE;
      while (seen() === 0 && performance.now() < limit) await sleep(2);
      const took = performance.now() - begin - PAUSE;
      await lines.next();
      return took;
    } finally {
      await interrupt(child, ended(child));
    }
  }

  return { bpftrace, usdt, trace, firstLine, end: () => program.stdin.end() };
}

async function ended(child) {
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once('exit', resolve));
}

/** Milliseconds that a process' threads were on a processor: https://docs.kernel.org/scheduler/sched-stats.html */
function processorTime(pid) {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  return sum / 1e6;
}
