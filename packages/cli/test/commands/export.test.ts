/** `usdt export` as an agent: asked by curl's equivalent, and scraped by a real Prometheus. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp } from '../../../../test/support/programs.ts';
import { MAIN, tracesOf, usdt, withoutTracing } from '../../../../test/support/usdt.ts';
import { sleep, until } from '../../../../test/support/wait.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
const children: ChildProcess[] = [];
let program = '';
before(() => {
  if (!skip) program = webapp(folder);
});
after(async () => {
  for (const child of children) kill(child, 'SIGKILL');
  await until(
    () => children.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null),
    'the end of all',
  );
  fs.rmSync(folder, { recursive: true, force: true });
});

interface Agent {
  readonly pid: number;
  readonly url: string;
  readonly errors: () => string;
  readonly stop: (signal: NodeJS.Signals) => Promise<number | null>;
}

async function agent(...args: readonly string[]): Promise<Agent> {
  const child = spawn(process.execPath, [MAIN, 'export', '--listen', '127.0.0.1:0', '--json', ...args], {
    env: { ...process.env, LIBUSDT_DIR: join(folder, 'cache') },
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  await until(() => out.includes('\n') || child.exitCode !== null, 'the agent');
  assert.ok(out.includes('\n'), err);
  return {
    pid: child.pid!,
    url: (JSON.parse(out) as { url: string }).url,
    errors: () => err,
    stop: (signal) => {
      kill(child, signal);
      return exit;
    },
  };
}

/** Fires as many as that of each probe, and has ended. */
async function run(count: number, pause = 0): Promise<void> {
  const child = spawn(program, [String(count), String(pause)]);
  children.push(child);
  await new Promise((resolve) => child.on('close', resolve));
}

async function text(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** Waits until the agent has read everything. */
async function untilTold(url: string, line: string): Promise<string> {
  let now = '';
  await until(async () => {
    now = await text(url);
    return now.includes(`${line}\n`);
  }, line);
  return now;
}

test('counts and latencies of a program, by HTTP', { skip }, async () => {
  const { url, pid, stop } = await agent(
    'webapp:request-*',
    '-f',
    program,
    '--latency',
    'request-start,request-done',
    '--key',
    'arg0',
  );
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  await untilTold(url, 'usdt_events_total{provider="webapp",probe="request__start"} 0');
  await run(500);
  const told = await untilTold(url, 'usdt_events_total{provider="webapp",probe="request__done"} 500');
  const pair = 'start="webapp:request__start",done="webapp:request__done"';
  assert.ok(told.includes(`usdt_latency_seconds_count{${pair}} 500\n`), told);
  assert.ok(told.includes(`usdt_latency_seconds_bucket{le="+Inf",${pair}} 500\n`), told);
  assert.ok(told.includes('usdt_lost_events_total 0\n'), told);
  assert.ok(told.includes('usdt_probe_sites 2\n'), told);
  const response = await fetch(url, { method: 'HEAD' });
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  assert.equal((await fetch(url, { method: 'POST' })).status, 405);
  assert.equal((await fetch(new URL('/other', url))).status, 404);
  assert.match(await text(new URL('/', url).href), /href="\/metrics"/);
  assert.equal(await stop('SIGTERM'), 0);
  assert.deepEqual(tracesOf(pid), []);
});

test('labels by fields, buckets of one’s own, and programs that come later', { skip }, async () => {
  const later = join(folder, 'later');
  const { url, stop } = await agent(
    'laterapp:request-done',
    '--by',
    'arg1,comm',
    '--latency',
    'laterapp:request-start,request-done',
    '--key',
    'arg0',
    '--buckets',
    '0.5,60',
  );
  assert.ok((await text(url)).includes('usdt_probe_sites 0\n'));
  webapp(folder, 'later', 'laterapp');
  const child = spawn(later, ['100000', '5000']);
  children.push(child);
  const label = 'provider="laterapp",probe="request__done",arg1="404",comm="later"';
  await until(async () => (await text(url)).includes('usdt_latency_seconds_count'), 'latencies');
  await until(async () => (await text(url)).includes(label), label);
  const told = await text(url);
  assert.match(told, new RegExp(`usdt_events_total\\{${label}\\} \\d+`));
  assert.match(
    told,
    /usdt_latency_seconds_bucket\{le="60",start="laterapp:request__start",done="laterapp:request__done",arg1="200",comm="later"\} \d+/,
  );
  assert.doesNotMatch(told, /le="0\.001"/);
  kill(child);
  assert.equal(await stop('SIGINT'), 0);
});

test('lost events are told', { skip }, async () => {
  const { url, pid, errors, stop } = await agent('webapp:*', '-f', program, '--buffer', '64');
  process.kill(pid, 'SIGSTOP');
  await run(20_000);
  process.kill(pid, 'SIGCONT');
  await until(() => errors().includes('lost'), 'a word of what was lost');
  let sum = 0;
  await until(async () => {
    const numbers = [...(await text(url)).matchAll(/^usdt_(?:lost_)?events_total\S* (\d+)$/gm)];
    sum = numbers.reduce((total, [, n]) => total + Number(n), 0);
    return sum >= 80_000;
  }, 'all events');
  assert.equal(sum, 80_000, 'each event is counted once, as seen or as lost');
  assert.equal(await stop('SIGINT'), 0);
});

test('what makes no sense is refused', { skip }, async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  const busy = usdt(folder, 'export', 'webapp:*', '--listen', `127.0.0.1:${port}`);
  taken.close();
  assert.equal(busy.status, 1);
  assert.match(busy.stderr, new RegExp(`can't listen on 127\\.0\\.0\\.1:${port}: another program does`));
  assert.equal(usdt(folder, 'export', '--listen', ':0').status, 2);
  assert.equal(usdt(folder, 'export', 'webapp:*', '--listen', 'nowhere').status, 2);
  assert.equal(usdt(folder, 'export', 'webapp:*', '--buckets', '2,1').status, 2);
  assert.equal(usdt(folder, 'export', 'webapp:*', '--by', 'colour').status, 2);
  assert.equal(usdt(folder, 'export', 'webapp:*', '-f', program, '--listen', ':0', '--by', 'arg9').status, 2);
});

interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: [number, string];
    }[];
  };
}

test('Prometheus scrapes two agents', { skip: skip || without('prometheus', 'promtool') }, async () => {
  const other = webapp(folder, 'other', 'otherapp');
  const one = await agent('-f', program, '--latency', 'webapp:request-start,request-done', '--key', 'arg0');
  const two = await agent('otherapp:*', '-f', other);
  const free = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));

  const targets = [one, two].map(({ url }) => new URL(url).host);
  const configuration = join(folder, 'prometheus.yml');
  fs.writeFileSync(
    configuration,
    `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: usdt
    static_configs: [{ targets: ${JSON.stringify(targets)} }]
`,
  );
  const prometheus = spawn('prometheus', [
    `--config.file=${configuration}`,
    `--storage.tsdb.path=${join(folder, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  children.push(prometheus);
  let log = '';
  prometheus.stderr.on('data', (data) => {
    log += data;
  });
  const query = async (expression: string): Promise<Answer['data']['result']> => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
    try {
      return ((await (await fetch(url)).json()) as Answer).data.result;
    } catch {
      return [];
    }
  };
  const untilValue = async (
    expression: string,
    expected: Readonly<Record<string, number>>,
  ): Promise<void> => {
    let found: Record<string, number> = {};
    for (let i = 0; i < 240; i++) {
      const result = await query(expression);
      found = Object.fromEntries(
        result.map(({ metric, value }) => [metric.instance ?? '', Number(value[1])]),
      );
      if (JSON.stringify(found) === JSON.stringify(expected)) return;
      await sleep(250);
    }
    assert.deepEqual(found, expected, log);
  };

  await untilValue('sum by (instance) (up{job="usdt"})', inOrder({ [targets[0]!]: 1, [targets[1]!]: 1 }));
  await Promise.all([
    run(300),
    new Promise((resolve) => {
      const child = spawn(other, ['70']);
      children.push(child);
      child.on('close', resolve);
    }),
  ]);
  await untilValue(
    'sum by (instance) (usdt_events_total)',
    inOrder({ [targets[0]!]: 600, [targets[1]!]: 280 }),
  );
  await untilValue('usdt_events_total{provider="otherapp",probe="where"}', { [targets[1]!]: 70 });
  await untilValue('usdt_latency_seconds_count', { [targets[0]!]: 300 });
  const [median] = await query('histogram_quantile(0.5, sum by (le) (usdt_latency_seconds_bucket))');
  assert.ok(Number(median?.value[1]) > 0 && Number(median?.value[1]) < 1, JSON.stringify(median));
  assert.equal(await one.stop('SIGTERM'), 0);
  assert.equal(await two.stop('SIGTERM'), 0);
  kill(prometheus, 'SIGTERM');
  await new Promise((resolve) => prometheus.on('close', resolve));
});

/** Prometheus answers in the order of labels. */
function inOrder(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}
