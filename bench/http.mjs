/**
 * What `node --import @libusdt/node` costs an HTTP server: requests per second and processor time per request, against
 * the same server without it; untraced, and with bpftrace counting every request. Two servers take turns, which are
 * short, and a row is the median of the differences from one turn to the next.
 *
 * How much of that is the kernel's: one server has instead a probe without arguments, fired by its request handler. And
 * how much the tracer's: where it is told a process (-p), the kernel switches its events on and off with that process,
 * each time that waits for a request.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { median, quantile, report, smoke } from './harness.mjs';
import { openClient } from './http-client.mjs';
import { here, interrupt, temporaryFolder } from './tools.mjs';

const ROUNDS = smoke ? 1 : 101;
/** Milliseconds of each server's turn: shorter than most disturbances by neighbours. */
const TURN = 150;
/** Rounds before the first that counts. */
const WARM_UP = smoke ? 1 : 10;
const CONNECTIONS = 10;
const IMPORT = ['--import', new URL('../packages/node/dist/index.js', import.meta.url).href];
const REQUEST = 'node:http__server__request';
const RESPONSE = 'node:http__server__response';
const folder = temporaryFolder();

const children = [];
process.on('exit', () => {
  for (const child of children) child.kill();
});

const plain = await start('plain');
const imported = await start('imported', { execArgv: IMPORT });
const TRACED = [
  ['a probe without arguments, counted by bpftrace', { args: ['bare'], probes: ['bare:hit'] }],
  ['with the import, bpftrace counts every request', { execArgv: IMPORT, probes: [REQUEST], most: 5 }],
  ['and every response', { execArgv: IMPORT, probes: [REQUEST, RESPONSE] }],
  ['every request, by bpftrace -p', { execArgv: IMPORT, probes: [REQUEST], byProcess: true }],
];
const skipped = reasonToSkip();
const traced = [];
if (!skipped) {
  for (const [what, options] of TRACED) {
    const server = await start(`traced${traced.length}`, options);
    traced.push({ what, most: options.most, server, tracer: await trace(server, options) });
  }
  // The servers look ten times a second whether they are traced.
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

const others = [imported, ...traced.map(({ server }) => server)];
for (let round = -WARM_UP; round < ROUNDS; round++) {
  for (const other of others) {
    const turns = new Map();
    for (const server of round % 2 === 0 ? [plain, other] : [other, plain])
      turns.set(server, await load(server));
    if (round >= 0) other.pairs.push([turns.get(plain), turns.get(other)]);
  }
}
for (const { server, tracer } of traced) await check(server, tracer);
for (const { child, client } of [plain, ...others]) {
  client.close();
  child.disconnect();
}

const rows = [
  row(
    'HTTP server, processor time per request',
    others.flatMap(({ pairs }) => pairs.map(([{ cpu }]) => cpu)),
    'us',
  ),
  ...differences('with the import, nobody traces', imported, 2),
  ...traced.flatMap(({ what, server, most }) => differences(what, server, most)),
];
if (skipped) rows.push(...TRACED.map(([what]) => ({ what, unit: '%', skipped })));
report(rows);

function reasonToSkip() {
  if (process.getuid() !== 0) return 'not root';
  if (spawnSync('bpftrace', ['--version']).status !== 0) return 'no bpftrace';
  return undefined;
}

/** Starts a server whose probes are in a file of their own. */
async function start(name, { args = [], execArgv = [] } = {}) {
  const images = join(folder, name);
  mkdirSync(images, { mode: 0o700 });
  const child = fork(join(here, 'http-server.mjs'), args, {
    execArgv,
    env: { ...process.env, LIBUSDT_DIR: images },
  });
  children.push(child);
  const [{ port }] = await once(child, 'message');
  return { child, images, client: await openClient(port, CONNECTIONS), pairs: [], answers: 0 };
}

/** Has bpftrace count the server's probes, and waits until it does. */
async function trace({ child, images }, { probes, byProcess = false }) {
  const provider = probes[0].split(':')[0];
  const image = readdirSync(images).find((name) => name.startsWith(`libusdt-${provider}-`));
  const file = byProcess ? '*' : join(images, image);
  const counters = probes.map((probe, index) => `usdt:${file}:${probe} { @p${index} = count(); }`);
  const script = `BEGIN { printf("ready\\n"); } ${counters.join(' ')}`;
  const options = byProcess ? ['-p', String(child.pid)] : [];
  const bpftrace = spawn('bpftrace', [...options, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(bpftrace);
  const ended = once(bpftrace, 'close');
  const lines = [];
  const reader = createInterface({ input: bpftrace.stdout }).on('line', (line) => lines.push(line));
  while (!lines.includes('ready')) await once(reader, 'line');
  return { bpftrace, ended, lines, probes };
}

async function cpuMicroseconds({ child }) {
  child.send('?');
  const [{ user, system }] = await once(child, 'message');
  return user + system;
}

/** One turn. */
async function load(server) {
  const before = await cpuMicroseconds(server);
  const { answers, rate } = await server.client.ask(TURN);
  server.answers += answers;
  return { rate, cpu: ((await cpuMicroseconds(server)) - before) / answers };
}

/** Ends a tracer, and looks whether it has seen every request. */
async function check({ answers }, { bpftrace, ended, lines, probes }) {
  await interrupt(bpftrace, ended);
  for (const [index, probe] of probes.entries()) {
    const counted = Number(lines.find((line) => line.startsWith(`@p${index}: `))?.slice(5) ?? 0);
    if (counted !== answers) throw new Error(`bpftrace counted ${counted} of ${answers}: ${probe}`);
  }
}

function differences(what, { pairs }, most) {
  const fewer = pairs.map(([a, b]) => (1 - b.rate / a.rate) * 100);
  const more = pairs.map(([a, b]) => b.cpu - a.cpu);
  return [
    row(`${what}: requests/s fewer`, fewer, '%', most),
    row(`${what}: processor time`, more, 'us more'),
  ];
}

function row(what, values, unit, most) {
  return {
    what,
    value: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    unit,
    most,
  };
}
