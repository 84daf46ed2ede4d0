/**
 * bunyan, restify and restify-clients from npm, none of which knows of libusdt, installed with the override that the
 * README names, run, and traced.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { jsonLines, temporaryFolder, until, usdt, without, withoutTracing } from '../../cli/test/support.ts';
import { PACKAGE, startNode } from './support.ts';

const SHOP = fileURLToPath(new URL('./fixtures/shop', import.meta.url));
const INSTALL = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];

const folder = temporaryFolder();
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

function npm(cwd: string, ...args: readonly string[]) {
  return spawnSync('npm', args, { cwd, encoding: 'utf8', timeout: 300_000 });
}

/** For `skip`: false if the shop is installed, with the override. */
function withoutShop(): string | false {
  const reason = withoutTracing();
  if (reason) return reason;
  const packed = npm(PACKAGE, 'pack', '--pack-destination', folder, '--json');
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  fs.cpSync(SHOP, folder, { recursive: true });
  const manifest = JSON.parse(fs.readFileSync(join(folder, 'package.json'), 'utf8')) as object;
  const overrides = { 'dtrace-provider': `file:${filename}` };
  fs.writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, overrides }));
  // Install scripts are allowed: the override is to leave none.
  const { status, stderr } = npm(folder, ...INSTALL, '--ignore-scripts=false');
  if (status === 0) return false;
  if (process.env.CI === 'true') throw new Error(stderr);
  return `npm can't install bunyan and restify here: ${stderr.trim().split('\n').at(-1)}`;
}

describe('bunyan and restify with the override', { skip: withoutShop() }, () => {
  let program: ChildProcess;
  let pid: string;
  let events: Record<string, unknown>[];
  const logged: string[] = [];

  before(() => {
    program = startNode(join(folder, 'cache'), join(folder, 'service.cjs'));
    createInterface({ input: program.stdout! }).on('line', (line) => logged.push(line));
    pid = String(program.pid);
    const pattern = ['bunyan:*', 'restify:*'];
    const options = ['--pid', pid, '--wait', '--json', '--quiet', '--count', '120'];
    const { stdout, stderr } = usdt(folder, 'trace', ...pattern, ...options);
    events = jsonLines(stdout);
    assert.equal(events.length, 120, stderr);
  });
  after(() => program.kill('SIGKILL'));

  const argsOf = (probe: string): unknown[] => {
    const event = events.find((event) => event.probe === probe);
    assert.ok(event, `${probe} in ${[...new Set(events.map((event) => event.probe))]}`);
    return event.args as unknown[];
  };

  test('every copy of dtrace-provider is the drop-in', () => {
    const { stdout } = npm(folder, 'ls', 'dtrace-provider', '--all', '--parseable', '--long');
    const copies = stdout.split('\n').filter((line) => line.includes('/node_modules/dtrace-provider:'));
    assert.equal(copies.length, 1, stdout);
    assert.match(copies[0]!, /@libusdt\/dtrace-provider@0\.8\./);
  });

  test('log records, also of levels that the log leaves out', () => {
    const [info] = argsOf('log-info') as [string];
    const record = JSON.parse(info) as Record<string, unknown>;
    assert.equal(record.name, 'shop');
    assert.equal(record.pid, program.pid);
    assert.equal(record.msg, 'read');
    assert.match(String(record.item), /^\d+$/);
    const [debug] = argsOf('log-debug') as [string];
    assert.equal((JSON.parse(debug) as { level: number }).level, 20);
  });

  test('a traced record is the logged one, byte for byte', async () => {
    const infos = events.filter((event) => event.probe === 'log-info');
    const traced = new Set(infos.map((event) => (event.args as [string])[0].trimEnd()));
    await until(() => logged.some((line) => traced.has(line)), 'a logged line that was traced');
  });

  test('routes and handlers of the server', () => {
    const [server, route, id, method, url, headers] = argsOf('route-start');
    assert.deepEqual([server, route, method], ['shop', 'getitemsid', 'GET']);
    assert.match(String(url), /^\/items\/\d+$/);
    assert.match((JSON.parse(headers as string) as Record<string, string>)['user-agent']!, /^restify/);
    const done = events.find((event) => event.probe === 'route-done' && (event.args as unknown[])[2] === id);
    assert.deepEqual((done!.args as unknown[]).slice(0, 4), ['shop', 'getitemsid', id, 200]);
    const [, , handler, handlerId] = argsOf('handler-start');
    assert.equal(handler, 'readItem');
    assert.equal(typeof handlerId, 'number');
    assert.equal(argsOf('handler-done')[2], 'readItem');
  });

  test('requests, answers and errors of the client', () => {
    const [method, url, headers, id] = argsOf('client-request');
    assert.equal(method, 'GET');
    assert.match(String(url), /^\//);
    assert.ok(JSON.parse(headers as string));
    assert.equal(typeof id, 'number');
    const [, status] = argsOf('client-response');
    assert.equal(status, 200);
    const [errorId, error] = argsOf('client-error');
    // Declared as 'id', which is no type: a string.
    assert.match(errorId as string, /^\d+$/);
    assert.match(String(error), /ECONNREFUSED/);
  });

  test('usdt | bunyan shows what bunyan -p shows where there is DTrace', { skip: without('jq') }, () => {
    const { stdout } = usdt(folder, 'trace', 'bunyan:log-info', '-p', pid, '-q', '--json', '-n', '2');
    const records = spawnSync('jq', ['--unbuffered', '-rj', '.args[0]'], { input: stdout, encoding: 'utf8' });
    const bunyan = join(folder, 'node_modules/.bin/bunyan');
    const shown = spawnSync(bunyan, ['-o', 'short'], { input: records.stdout, encoding: 'utf8' });
    assert.match(shown.stdout, /^\d\d:\d\d:\d\d\.\d{3}Z +INFO shop: read \(item=\d+\)$/m);
  });

  test('bpftrace sees them too', { skip: without('bpftrace') }, () => {
    const script = 'usdt:*:bunyan:log__info { printf("%s", str(arg0)); exit(); }';
    const { stdout, stderr } = spawnSync('bpftrace', ['-q', '-p', pid, '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, BPFTRACE_STRLEN: '200' },
      timeout: 120_000,
    });
    const line = stdout.split('\n').find((text) => text.startsWith('{'));
    assert.ok(line, stderr);
    assert.equal((JSON.parse(line) as { msg: string }).msg, 'read');
  });
});
