/**
 * What `node --import @libusdt/node` costs an HTTP server: requests per second and processor time per request, against
 * the same server without it; and with bpftrace counting every request. Servers take turns, for a short while each.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';
import { median, quantile, report, smoke } from './harness.mjs';
import { here, temporaryFolder } from './tools.mjs';

const ROUNDS = smoke ? 1 : 15;
/** Seconds of each server's turn. */
const TURN = smoke ? 1 : 2;
const CONNECTIONS = 10;
const IMPORT = ['--import', new URL('../packages/node/dist/index.js', import.meta.url).href];
const folder = temporaryFolder();

/** Requests that the server with the import was sent. */
let served = 0;

async function start(execArgv) {
  const child = fork(join(here, 'http-server.mjs'), {
    execArgv,
    env: { ...process.env, LIBUSDT_DIR: folder },
  });
  process.on('exit', () => child.kill());
  const [{ port }] = await once(child, 'message');
  return { child, url: `http://127.0.0.1:${port}/` };
}

async function cpuMicroseconds({ child }) {
  child.send('?');
  const [{ user, system }] = await once(child, 'message');
  return user + system;
}

/** One turn. */
async function load(server) {
  const before = await cpuMicroseconds(server);
  const { errors, non2xx, requests } = await autocannon({
    url: server.url,
    duration: TURN,
    connections: CONNECTIONS,
  });
  if (errors + non2xx > 0) throw new Error(`${errors} errors, ${non2xx} other answers`);
  served += server === imported ? requests.sent : 0;
  return { rate: requests.total, cpu: ((await cpuMicroseconds(server)) - before) / requests.total };
}

async function compare(plain, other) {
  const rates = [];
  const times = [];
  const extra = [];
  for (let round = -1; round < ROUNDS; round++) {
    const turns = new Map();
    for (const server of round % 2 === 0 ? [plain, other] : [other, plain])
      turns.set(server, await load(server));
    // The first warms up.
    if (round < 0) continue;
    const [a, b] = [turns.get(plain), turns.get(other)];
    rates.push((a.rate / b.rate - 1) * 100);
    times.push(a.cpu);
    extra.push(b.cpu - a.cpu);
  }
  return { rates, times, extra };
}

const row = (what, values, unit, most) => ({
  what,
  value: median(values),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75),
  unit,
  most,
});

const plain = await start([]);
const imported = await start(IMPORT);
const untraced = await compare(plain, imported);
const rows = [
  row('HTTP server, processor time per request', untraced.times, 'us'),
  row('with the import, nobody traces: requests/s fewer', untraced.rates, '%', 2),
  row('with the import, nobody traces: processor time', untraced.extra, 'us more'),
];
rows.push(...(await underBpftrace()));
for (const { child } of [plain, imported]) child.disconnect();
report(rows);

async function underBpftrace() {
  const what = 'bpftrace counts every request: requests/s fewer';
  const unit = '%';
  if (process.getuid() !== 0) return [{ what, unit, skipped: 'not root' }];
  if (spawnSync('bpftrace', ['--version']).status !== 0) return [{ what, unit, skipped: 'no bpftrace' }];
  const script = 'BEGIN { printf("ready\\n"); } usdt:*:node:http__server__request { @ = count(); }';
  const bpftrace = spawn('bpftrace', ['-p', String(imported.child.pid), '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => bpftrace.kill());
  let output = '';
  const lines = createInterface({ input: bpftrace.stdout });
  lines.on('line', (line) => {
    output += `${line}\n`;
  });
  while (!output.includes('ready')) await once(lines, 'line');
  // The server looks ten times a second whether it is traced.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  served = 0;
  const traced = await compare(plain, imported);
  bpftrace.kill('SIGINT');
  await once(bpftrace, 'exit');
  const counted = Number(/^@: (\d+)$/m.exec(output)?.[1] ?? 0);
  // The last requests of a turn may be cut off on their way.
  if (counted < served * 0.99) throw new Error(`bpftrace counted ${counted} of ${served}`);
  return [row(what, traced.rates, unit, 5), row('the same: processor time', traced.extra, 'us more')];
}
