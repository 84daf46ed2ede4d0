/**
 * What many probes cost `usdt` and bpftrace at the start and at the end: from the start of the tracer until the program
 * sees that all of them are traced, and from ctrl-C until the tracer has ended. Beside 3,000 probes of ten signatures stand
 * 100 of which no two are alike, and the same with a condition, for which each has a kernel event of its own.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { report, smoke, spread } from './harness.mjs';
import { here, interrupt, kill, temporaryFolder } from './tools.mjs';

/** Providers, probes of each, signatures. */
const MANY = smoke ? [2, 20, 10] : [10, 300, 10];
const UNLIKE = smoke ? [1, 10, 10] : [1, 100, 100];
const FEW = smoke ? [1, 10, 10] : [1, 200, 10];
const ROUNDS = smoke ? 1 : 3;
/** Milliseconds for both together. */
const GOAL = 1500;

const folder = temporaryFolder();
const usdt = join(here, '../packages/cli/bin/usdt.js');
const withBpftrace = spawnSync('bpftrace', ['--version']).status === 0;

if (process.geteuid?.() !== 0)
  report([{ what: 'usdt trace of many probes', unit: 'ms', skipped: 'tracers need root' }]);
else report(await measure());

async function measure() {
  const many = [];
  const unlike = [];
  const own = [];
  for (let round = 0; round < ROUNDS; round++) {
    many.push(await run(MANY, usdtCommand));
    unlike.push(await run(UNLIKE, usdtCommand));
    own.push(await run(UNLIKE, conditionalCommand));
  }
  const bpftrace = withBpftrace ? [await run(FEW, bpftraceCommand)] : [];
  const each = spread(own.map(({ detach }) => detach / count(UNLIKE))).value;
  const detach = spread(many.map((times) => times.detach));
  return [
    ...rows(`usdt: ${count(MANY)} probes of ${MANY[2]} signatures`, many),
    {
      what: 'usdt: both together',
      unit: 'ms',
      most: GOAL,
      ...spread(many.map((times) => times.attach + times.detach)),
    },
    ...rows(`usdt: ${count(UNLIKE)} probes, none like another`, unlike),
    ...rows('usdt: the same with an event each', own),
    {
      what: 'usdt: to end a probe with an event of its own, against one of many',
      unit: 'x',
      value: each / (detach.value / count(MANY)),
    },
    ...(withBpftrace
      ? rows(`bpftrace: ${count(FEW)} probes`, bpftrace)
      : [{ what: 'bpftrace: many probes', unit: 'ms', skipped: 'bpftrace is not installed' }]),
  ];
}

function rows(what, times) {
  return [
    { what: `${what}, to attach`, unit: 'ms', ...spread(times.map(({ attach }) => attach)) },
    { what: `${what}, to end`, unit: 'ms', ...spread(times.map(({ detach }) => detach)) },
  ];
}

function count([providers, probes]) {
  return providers * probes;
}

function usdtCommand() {
  return [process.execPath, usdt, 'trace', '-q', 'many-*:*'];
}

/** Probes that are not alike don't share an event whose filter the kernel decides. */
function conditionalCommand() {
  return [...usdtCommand(), '--where', 'tid > 0'];
}

function bpftraceCommand(files) {
  const probes = files.map((file, n) => `usdt:${file}:many__${n}x:* { @ = count(); }`);
  return ['bpftrace', '-q', '-e', probes.join('\n')];
}

/** One run of a tracer, which finds no images but those of its program. */
async function run(shape, command) {
  const own = { ...process.env, LIBUSDT_DIR: mkdtempSync(join(folder, 'run-')) };
  const program = spawn(process.execPath, [join(here, 'programs/many.mjs'), ...shape.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: own,
  });
  const exit = () => kill(program, 'SIGKILL');
  process.on('exit', exit);
  try {
    const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    const [file, ...args] = command(JSON.parse((await lines.next()).value));
    const begin = performance.now();
    const env = { ...own, BPFTRACE_MAX_PROBES: '10000', BPFTRACE_MAX_BPF_PROGS: '10000' };
    const tracer = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
    const ended = new Promise((resolve) => tracer.once('exit', () => resolve(performance.now())));
    await lines.next();
    const attached = performance.now();
    const signalled = performance.now();
    await interrupt(tracer, ended);
    return { attach: attached - begin, detach: (await ended) - signalled };
  } finally {
    exit();
    process.removeListener('exit', exit);
  }
}
