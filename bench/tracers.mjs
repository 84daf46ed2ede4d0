/**
 * `usdt trace` against `bpftrace` with a printf of the same arguments of the same program, in turns: the highest rate at
 * which no event is lost, as the program reached it; the tracer's processor time per event; the time from its start to
 * its first line. And `usdt list` against `readelf -n` on the same file.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile, report, smoke } from './harness.mjs';
import { here, interrupt, kill, temporaryFolder } from './tools.mjs';

/** Events per second. */
const RATES = smoke ? [2000] : [25_000, 50_000, 100_000, 200_000, 300_000, 400_000, 600_000];
/** The part of a rate from which on it counts as reached. */
const REACHED = 0.9;
const CPU_RATE = smoke ? 2000 : 25_000;
const SECONDS = smoke ? 0.2 : 2;
const ROUNDS = smoke ? 1 : 3;
const STARTS = smoke ? 1 : 7;
const LISTS = smoke ? 1 : 15;
/** With probes, in every Debian with a C++ compiler's library. */
const LISTED = '/usr/lib/x86_64-linux-gnu/libstdc++.so.6';
/** Clock ticks of /proc/PID/stat (USER_HZ), https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICK = 10;
/** Milliseconds until a tracer must have done something. */
const PATIENCE = 60_000;

const folder = temporaryFolder();
process.env.LIBUSDT_DIR = folder;
const usdt = join(here, '../packages/cli/bin/usdt.js');

const skipped = reasonToSkip();
if (skipped) report([{ what: 'usdt trace against bpftrace', unit: 'x', skipped }]);
else await measure();

function reasonToSkip() {
  if (process.geteuid?.() !== 0) return 'tracers need root';
  if (spawnSync('bpftrace', ['--version']).status !== 0) return 'bpftrace is not installed';
  return undefined;
}

async function measure() {
  const program = spawn(process.execPath, [join(here, 'programs/paced.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  process.on('exit', () => kill(program, 'SIGKILL'));
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const file = (await lines.next()).value;
  const tracers = {
    bpftrace: ['bpftrace', '-q', '-e', `usdt:${file}:paced:hit { printf("%d %s\\n", arg0, str(arg1)); }`],
    usdt: [process.execPath, usdt, 'trace', '-q', `${file}:paced:hit`],
  };

  /** One run of a tracer at a rate. */
  const trace = async (name, rate, seconds) => {
    const output = join(folder, 'output');
    const tracer = start(tracers[name], output);
    try {
      program.stdin.write(`${rate} ${seconds}\n`);
      const [fired, took] = (await lines.next()).value.split(' ').map(Number);
      await settled(output);
      const cpu = processorTime(tracer.pid);
      await interrupt(tracer, ended(tracer));
      return { fired, rate: fired / took, seen: eventsIn(output), cpu };
    } finally {
      kill(tracer, 'SIGKILL');
    }
  };

  const best = { bpftrace: 0, usdt: 0 };
  for (const name of ['bpftrace', 'usdt']) {
    for (const rate of RATES) {
      const run = await trace(name, rate, SECONDS);
      if (run.seen !== run.fired) break;
      best[name] = Math.max(best[name], run.rate);
      // A tracer that wakes up for each event slows the program down before it loses any.
      if (run.rate < REACHED * rate) break;
    }
  }
  const cpu = { bpftrace: [], usdt: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 ? ['usdt', 'bpftrace'] : ['bpftrace', 'usdt']) {
      // Twice as long costs the start only once: the difference is what events cost.
      const short = await trace(name, CPU_RATE, SECONDS);
      const long = await trace(name, CPU_RATE, 3 * SECONDS);
      cpu[name].push(((long.cpu - short.cpu) * 1000) / (long.seen - short.seen));
    }
  }
  const first = { bpftrace: [], usdt: [] };
  for (let round = 0; round < STARTS; round++) {
    for (const name of round % 2 ? ['usdt', 'bpftrace'] : ['bpftrace', 'usdt']) {
      first[name].push(await firstEvent(name));
    }
  }

  async function firstEvent(name) {
    const output = join(folder, 'output');
    const begin = performance.now();
    const tracer = start(tracers[name], output);
    try {
      program.stdin.write('1000 1\n');
      const limit = performance.now() + PATIENCE;
      // A pipe would do, but both write to a file elsewhere here.
      while (eventsIn(output) === 0 && performance.now() < limit) await sleep(5);
      const took = performance.now() - begin - 300;
      await lines.next();
      return took;
    } finally {
      await interrupt(tracer, ended(tracer));
    }
  }
  program.stdin.end();

  const row = (what, values, unit) => ({
    what,
    value: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    unit,
  });
  const lists = existsSync(LISTED) ? listing() : undefined;
  report([
    { what: 'bpftrace: most events without loss', value: best.bpftrace, unit: '/s' },
    {
      what: 'usdt trace: the same',
      value: best.usdt,
      unit: '/s',
      note: smoke ? '' : `asked for: ${RATES.join(' ')}`,
    },
    row('bpftrace: processor time per event', cpu.bpftrace, 'µs'),
    { ...row('usdt trace: the same', cpu.usdt, 'µs'), most: median(cpu.bpftrace) },
    row('bpftrace: from start to the first line', first.bpftrace, 'ms'),
    { ...row('usdt trace: the same', first.usdt, 'ms'), most: median(first.bpftrace) },
    ...(lists
      ? [
          row('readelf -n libstdc++.so.6', lists.readelf, 'ms'),
          { ...row('usdt list libstdc++.so.6', lists.usdt, 'ms'), most: 2 * median(lists.readelf) },
          row('node -e 0, which is in the line above', lists.node, 'ms'),
        ]
      : []),
  ]);
}

function start([command, ...args], output) {
  const descriptor = openSync(output, 'w');
  const child = spawn(command, args, { stdio: ['ignore', descriptor, 'inherit'] });
  closeSync(descriptor);
  return child;
}

async function ended(child) {
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once('exit', resolve));
}

/** Waits until nothing is written any more. */
async function settled(output) {
  let size = -1;
  for (;;) {
    const now = readFileSync(output).length;
    if (now === size) return;
    size = now;
    await sleep(500);
  }
}

/** Lines that tell of an event; both print the string. */
function eventsIn(output) {
  return readFileSync(output, 'latin1').split('twenty characters..!').length - 1;
}

/** Milliseconds of user and system time of a process, its threads included. */
function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

function listing() {
  const commands = {
    readelf: ['readelf', '-n', LISTED],
    usdt: [process.execPath, usdt, 'list', LISTED],
    node: [process.execPath, '-e', '0'],
  };
  const times = { readelf: [], usdt: [], node: [] };
  for (let round = 0; round < LISTS; round++) {
    for (const [name, [command, ...args]] of Object.entries(commands)) {
      const begin = performance.now();
      if (spawnSync(command, args, { stdio: 'ignore' }).status !== 0) throw new Error(`${name} failed`);
      times[name].push(performance.now() - begin);
    }
  }
  return times;
}
