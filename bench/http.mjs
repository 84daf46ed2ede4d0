/**
 * What `node --import @libusdt/node` costs an HTTP server: requests per second and processor time per request, against
 * the same server without it; untraced, and with bpftrace counting every request. The servers take turns, which are
 * short and the same for all (who is asked more is compiled better), and a row is the median of the differences within a
 * round. Of two servers that are the same, one may be compiled better by luck, for its life: all are started anew several
 * times.
 *
 * How much of that is the kernel's: one server has instead a probe without arguments, fired by its request handler. And
 * how much the tracer's: where it is told a process (-p), the kernel switches its events on and off with that process,
 * each time that waits for a request.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile, report, smoke } from './harness.mjs';
import { openClient } from './http-client.mjs';
import { besides, pinSelf } from './processors.mjs';
import { here, interrupt, kill, temporaryFolder } from './tools.mjs';

/** How often all servers are started. */
const GENERATIONS = smoke ? 1 : 10;
/** Turns of each server that count, while they live. */
const ROUNDS = smoke ? 1 : 18;
/** Milliseconds of each server's turn: shorter than most disturbances by neighbours. */
const TURN = 150;
/** And those before. */
const WARM_UP = smoke ? 1 : 8;
const CONNECTIONS = 10;
const IMPORT = ['--import', new URL('../packages/node/dist/index.js', import.meta.url).href];
const REQUEST = 'node:http__server__request';
const RESPONSE = 'node:http__server__response';
const OTHERS = [
  { what: 'with the import, nobody traces', execArgv: IMPORT, most: 2 },
  { what: 'a probe without arguments, counted by bpftrace', args: ['bare'], probes: ['bare:hit'] },
  { what: 'with the import, bpftrace counts every request', execArgv: IMPORT, probes: [REQUEST], most: 5 },
  { what: 'and every response', execArgv: IMPORT, probes: [REQUEST, RESPONSE] },
  { what: 'every request, by bpftrace -p', execArgv: IMPORT, probes: [REQUEST], byProcess: true },
].map((kind) => ({ ...kind, skipped: kind.probes && reasonToSkip(), pairs: [] }));

const folder = temporaryFolder();
const children = new Set();
process.on('exit', () => {
  for (const child of children) kill(child);
});
pinSelf();
for (let generation = 0; generation < GENERATIONS; generation++) await measure();

report([
  row(
    'HTTP server, processor time per request',
    OTHERS[0].pairs.map(([{ cpu }]) => cpu),
    'us',
  ),
  ...OTHERS.flatMap(({ what, most, skipped, pairs }) =>
    skipped ? [{ what, unit: '%', skipped }] : differences(what, pairs, most),
  ),
]);

function reasonToSkip() {
  if (process.getuid() !== 0) return 'not root';
  if (spawnSync('bpftrace', ['--version']).status !== 0) return 'no bpftrace';
  return undefined;
}

/** One life of all servers. */
async function measure() {
  const plain = await start();
  const others = [];
  for (const kind of OTHERS) if (!kind.skipped) others.push(await start(kind));
  for (const other of others) if (other.kind.probes) other.tracer = await trace(other);
  // The servers look ten times a second whether they are traced.
  await sleep(1000);
  const servers = [plain, ...others];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const turns = new Map();
    for (let place = 0; place < servers.length; place++) {
      const server = servers[(place + round + WARM_UP) % servers.length];
      turns.set(server, await load(server));
    }
    if (round < 0) continue;
    for (const other of others) other.kind.pairs.push([turns.get(plain), turns.get(other)]);
  }
  for (const other of others) if (other.tracer) await check(other);
  for (const server of servers) await stop(server);
}

/** Starts a server whose probes are in a file of their own. */
async function start(kind = {}) {
  const { args = [], execArgv = [] } = kind;
  const images = mkdtempSync(join(folder, 'images-'));
  const child = fork(join(here, 'http-server.mjs'), args, {
    ...besides(execArgv),
    env: { ...process.env, LIBUSDT_DIR: images },
  });
  children.add(child);
  const [{ port }] = await once(child, 'message');
  return { kind, child, images, client: await openClient(port, CONNECTIONS), answers: 0 };
}

async function stop({ child, client }) {
  client.close();
  child.disconnect();
  await once(child, 'exit');
  children.delete(child);
}

/** Has bpftrace count the server's probes, and waits until it does. */
async function trace({ child, images, kind: { probes, byProcess } }) {
  const provider = probes[0].split(':')[0];
  const image = readdirSync(images).find((name) => name.startsWith(`libusdt-${provider}-`));
  const file = byProcess ? '*' : join(images, image);
  const counters = probes.map((probe, index) => `usdt:${file}:${probe} { @p${index} = count(); }`);
  const script = `BEGIN { printf("ready\\n"); } ${counters.join(' ')}`;
  const options = byProcess ? ['-p', String(child.pid)] : [];
  const bpftrace = spawn('bpftrace', [...options, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(bpftrace);
  const ended = once(bpftrace, 'close');
  const lines = [];
  const reader = createInterface({ input: bpftrace.stdout }).on('line', (line) => lines.push(line));
  while (!lines.includes('ready')) await once(reader, 'line');
  return { bpftrace, ended, lines };
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
async function check({ answers, kind: { probes }, tracer: { bpftrace, ended, lines } }) {
  await interrupt(bpftrace, ended);
  children.delete(bpftrace);
  for (const [index, probe] of probes.entries()) {
    const counted = Number(lines.find((line) => line.startsWith(`@p${index}: `))?.slice(5) ?? 0);
    if (counted !== answers) throw new Error(`bpftrace counted ${counted} of ${answers}: ${probe}`);
  }
}

function differences(what, pairs, most) {
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
