/** Each example, run as its first lines say, and traced with the command that they name. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { installedPackages, withoutPackages } from '../support/installed.ts';
import { kill } from '../support/processes.ts';
import { npm } from '../support/projects.ts';
import { startRegistry } from '../support/registry.ts';
import { withoutTracing } from '../support/usdt.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'libusdt-examples-'));
const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache') };
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) kill(child, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
const skip = withoutTracing();

function start(example: string, more: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [join(root, 'examples', example)], {
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

/** The address that the program says it listens at. */
async function addressOf(server: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: server.stdout! })) {
    const [, url] = /^listening on (http:\/\/[^/]+)/.exec(line) ?? [];
    if (url) return url;
  }
  throw new Error('the server ended');
}

const noPackages = skip || withoutPackages('projects');
before(async () => {
  if (noPackages) return;
  const registry = await startRegistry([], installedPackages('projects')!);
  const settings = [`--registry=${registry}`, `--cache=${join(folder, 'npm')}`, '--no-audit', '--no-fund'];
  const { status, stderr } = await npm(join(root, 'examples'), 'install', ...settings, '--loglevel=error');
  assert.equal(status, 0, stderr);
});

async function stop(child: ChildProcess): Promise<void> {
  kill(child, 'SIGTERM');
  const timer = setTimeout(() => kill(child, 'SIGKILL'), 20_000);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  clearTimeout(timer);
  assert.equal(child.signalCode, null, 'ends by itself when it is told to');
}

interface Event {
  readonly probe: string;
  readonly pid: number;
  readonly args: readonly unknown[];
}

function usdt<T>(...args: string[]): T[] {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'packages/cli/bin/usdt.js'), ...args],
    { encoding: 'utf8', env, timeout: 120_000 },
  );
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

const trace = (...args: string[]) => usdt<Event>('trace', '--json', '--wait', '--duration', '60', ...args);

test('http-server: requests, their answers and their status', { skip }, async () => {
  const server = start('http-server.mjs', { PORT: '0' });
  const url = await addressOf(server);
  const client = spawn(
    process.execPath,
    [
      '-e',
      `setInterval(() => { for (const path of ['/hello/Zo%C3%AB', '/x']) require('http').get(${JSON.stringify(url)} + path, (answer) => answer.resume()); }, 50)`,
    ],
    { stdio: 'inherit' },
  );
  children.push(client);
  const events = trace('webapp:request-done', '--count', '6');
  kill(client);
  const answers = events.map(({ args: [, status, text] }) => `${status} ${text}`);
  assert.equal(events.length, 6);
  assert.deepEqual([...new Set(answers)].sort(), ['200 {"hello":"Zoë"}', '404 {"error":"not found"}']);
  await new Promise((resolve) => get(`${url}/hello/last`, (answer) => answer.resume().on('end', resolve)));
  await stop(server);
});

test('cluster: one trace sees four processes', { skip }, async () => {
  const cluster = start('cluster.mjs');
  const events = trace('jobs:start', '--count', '400');
  assert.equal(new Set(events.map(({ pid }) => pid)).size, 4);
  assert.deepEqual([...new Set(events.map(({ args }) => args[1]))].sort(), ['encode', 'mail', 'resize']);
  await stop(cluster);
});

test('worker-pool: eight threads, filtered by the size of the task', { skip }, async () => {
  const pool = start('worker-pool.mjs');
  const events = trace('pool:result', '--where', 'arg1 > 500000', '--count', '200');
  assert.equal(new Set(events.map(({ args }) => args[0])).size, 8);
  for (const { args } of events) {
    const [, size, text] = args as [number, number, string];
    const { sum, mean } = JSON.parse(text);
    assert.ok(size > 500_000);
    assert.equal(mean, sum / size);
  }
  await stop(pool);
});

/** A client of the café: orders of three items, and looks at the prices, one after the other. */
const visit = (url: string) => `
  const order = { items: ['tea', 'tea', 'cake'] };
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order) };
  (async () => {
    for (;;) {
      await (await fetch('${url}/orders', post)).text();
      await (await fetch('${url}/prices')).text();
    }
  })();`;

interface Summary {
  readonly latencies: readonly [{ readonly groups: readonly Group[] }];
}

interface Group {
  readonly by: readonly [route: string];
  readonly count: number;
  /** Nanoseconds. */
  readonly min: number;
}

test('express: requests, orders, and how long they take by route', { skip: noPackages }, async () => {
  const server = start('express.mjs', { PORT: '0' });
  const client = spawn(process.execPath, ['-e', visit(await addressOf(server))], { stdio: 'inherit' });
  children.push(client);

  const events = trace('cafe:*', '--count', '40');
  const argsOf = (probe: string) => events.filter((event) => event.probe === probe).map(({ args }) => args);
  const [id, ...sold] = argsOf('order')[1]!;
  assert.deepEqual(sold, [1280, '{"items":["tea","tea","cake"]}']);
  const find = (probe: string) => argsOf(probe).find((args) => args[0] === id);
  assert.deepEqual(find('request-start'), [id, 'POST', '/orders']);
  assert.deepEqual(find('request-done'), [id, 201, '/orders']);

  const latency = ['--latency', 'cafe:request-start,request-done', '--key', 'arg0', '--by', 'done.arg2'];
  const { latencies } = usdt<Summary>('stat', ...latency, '--json', '--duration', '3').at(-1)!;
  const byRoute = new Map(latencies[0].groups.map((group) => [group.by[0], group]));
  assert.deepEqual([...byRoute.keys()].sort(), ['/orders', '/prices']);
  for (const { count, min } of byRoute.values()) assert.ok(count > 0 && min > 0);
  // Three items take six milliseconds, by a timer that may be early by one.
  assert.ok(byRoute.get('/orders')!.min > 4e6);
  kill(client);
  await stop(server);
});

test('bunyan: records of levels that are not written', { skip: noPackages }, async () => {
  const worker = start('bunyan.mjs');
  const events = trace('bunyan:log-*', '--pid', String(worker.pid), '--count', '60');
  const records = events.map(({ args }) => JSON.parse(args[0] as string) as Record<string, unknown>);
  assert.deepEqual([...new Set(records.map(({ level }) => level))].sort(), [20, 30, 50]);
  for (const { name, pid, job } of records) {
    assert.deepEqual([name, pid, typeof job], ['worker', worker.pid, 'number']);
  }
  const failed = records.find(({ level }) => level === 50)!;
  assert.equal((failed.err as Error).message, 'an image of 12 MB is too large');
  await stop(worker);
});
