/** Each example, run as its first lines say, and traced with the command that they name. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'libusdt-examples-'));
const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache') };
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
const can = process.geteuid?.() === 0 && existsSync('/sys/kernel/tracing/uprobe_events');
const skip = !can && process.env.CI !== 'true' ? 'tracing needs root and tracefs' : false;

function start(example: string, more: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [join(root, 'examples', example)], {
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  clearTimeout(timer);
  assert.equal(child.signalCode, null, 'ends by itself when it is told to');
}

interface Event {
  readonly probe: string;
  readonly pid: number;
  readonly args: readonly unknown[];
}

function trace(...args: string[]): Event[] {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'packages/cli/bin/usdt.js'), 'trace', '--json', '--wait', '--duration', '60', ...args],
    { encoding: 'utf8', env, timeout: 120_000 },
  );
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
}

test('http-server: requests, their answers and their status', { skip }, async () => {
  const server = start('http-server.mjs', { PORT: '0' });
  let url = '';
  for await (const line of createInterface({ input: server.stdout! })) {
    url = /^listening on (.*)\/hello/.exec(line)?.[1] ?? url;
    if (url) break;
  }
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
  client.kill();
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
