/** `node --import @libusdt/node`: what tracers see of programs that know nothing of it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { findRuntime } from '../../../test/runtimes/support.ts';
import {
  jsonLines,
  MAIN,
  temporaryFolder,
  until,
  usdt,
  without,
  withoutTracing,
} from '../../cli/test/support.ts';
import { argsOf, type Event, fixture, type Program, startProgram } from './support.ts';

const folder = temporaryFolder();
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const IMPORT = ['--import', '@libusdt/node'];
const PACKAGE = new URL('..', import.meta.url);

/** Runs a program to its end. */
function run(...args: readonly string[]) {
  return spawnSync(process.execPath, args, {
    cwd: PACKAGE,
    encoding: 'utf8',
    env: { ...process.env, LIBUSDT_DIR: folder },
    timeout: 120_000,
  });
}

/** Traces until every one of these probes has fired. */
function traceUntil(program: Program, probes: readonly string[], rounds = 20): Event[] {
  const events: Event[] = [];
  for (let round = 0; round < rounds; round++) {
    const options = ['--pid', program.pid, '--wait', '--json', '--quiet', '--duration', '3'];
    const { stdout } = usdt(folder, 'trace', 'node:*', ...options);
    events.push(...(jsonLines(stdout) as unknown as Event[]));
    if (probes.every((probe) => argsOf(events, probe).length > 0)) return events;
  }
  const missing = probes.filter((probe) => argsOf(events, probe).length === 0);
  throw new Error(`never fired: ${missing.join(', ')}`);
}

describe('a program that nobody traces', () => {
  test('has no subscriber, and ends when it would end', { skip: process.platform !== 'linux' }, () => {
    const { stdout, stderr, status } = run(...IMPORT, fixture('idle.mjs'));
    assert.deepEqual(JSON.parse(stdout), { state: 'active', subscribed: [] }, stderr);
    assert.equal(status, 0);
    assert.equal(stderr, '');
  });

  test('runs where nothing can be traced', () => {
    const { stdout, status } = run('--no-addons', ...IMPORT, fixture('idle.mjs'));
    assert.deepEqual(JSON.parse(stdout), { state: 'unavailable', subscribed: [] });
    assert.equal(status, 0);
  });

  test('is not changed by the listeners: exit codes and messages stay', () => {
    const script = 'Promise.reject(new TypeError("nobody"))';
    // Something has to be imported in both: it shows in stack traces.
    const plain = run('--import', 'data:text/javascript,', '-e', script);
    const imported = run(...IMPORT, '-e', script);
    assert.equal(imported.status, plain.status);
    assert.equal(imported.stderr, plain.stderr);
  });

  test('@libusdt/node/bridge alone makes no probe', () => {
    const empty = temporaryFolder();
    const script = "import '@libusdt/node/bridge'";
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: PACKAGE,
      encoding: 'utf8',
      env: { ...process.env, LIBUSDT_DIR: empty },
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual(fs.readdirSync(empty), []);
    fs.rmSync(empty, { recursive: true });
  });
});

describe('a server and its client', { skip: withoutTracing() }, () => {
  let program: Program;
  let port: number;
  let events: Event[];
  const all = (probe: string) => argsOf(events, probe);
  const sought = [
    'http-server-request',
    'http-server-response',
    'http-client-request',
    'http-client-response',
  ];
  sought.push(
    'http-client-error',
    'net-server-connection',
    'net-client-socket',
    'net-stream-end',
    'gc-start',
  );
  sought.push('gc-done', 'dns-done', 'event-loop-delay', 'udp-socket', 'child-start', 'child-exit');
  sought.push('worker-start', 'worker-exit', 'process-warning', 'undici-request-create');
  sought.push('undici-request-headers', 'undici-request-error', 'undici-client-connect-error');

  before(async () => {
    program = startProgram(folder, ['--expose-gc', ...IMPORT, fixture('traffic.mjs')], { cwd: PACKAGE });
    await until(() => program.lines.length > 0, 'the port');
    port = Number(program.lines[0]);
    events = traceUntil(program, sought);
  });
  after(() => program.child.kill('SIGKILL'));

  test('http-server-request has its arguments at the old positions', () => {
    const hello = all('http-server-request').find((args) => args[5] === '/hello?n=1')!;
    const [request, connection, remote, from, method, , fd, forwarded] = hello;
    assert.deepEqual([remote, method, forwarded], ['127.0.0.1', 'GET', '10.1.2.3']);
    assert.ok(Number(from) > 1024 && from !== port);
    assert.ok(Number(fd) > 2);
    assert.ok(Number(request) > 0 && Number(connection) > 0);
  });

  test('http-server-response belongs to a request and its connection', () => {
    const request = all('http-server-request').find((args) => args[5] === '/missing')!;
    const response = all('http-server-response').find((args) => args[4] === request[0])!;
    assert.deepEqual(response, [request[1], '127.0.0.1', request[3], request[6], request[0], 404]);
  });

  test('http-client-request and -response', () => {
    const request = all('http-client-request').find((args) => args[5] === '/missing')!;
    assert.deepEqual(request.slice(2, 6), ['127.0.0.1', port, 'POST', '/missing']);
    const response = all('http-client-response').find((args) => args[4] === request[0])!;
    assert.deepEqual(response.slice(0, 3), [request[1], '127.0.0.1', port]);
    assert.equal(response[5], 404);
    assert.match(String(all('http-client-error')[0]![1]), /ECONNREFUSED/);
  });

  test('connections', () => {
    const [[connection, remote]] = all('net-server-connection') as [[number, string]];
    assert.ok(connection > 0);
    assert.equal(remote, '127.0.0.1');
    assert.equal(all('net-stream-end')[0]![1], '127.0.0.1');
    assert.equal(all('udp-socket')[0]![1], 'udp4');
  });

  test('garbage collection: start and done come together, with the time it took', () => {
    const starts = all('gc-start');
    assert.deepEqual(starts.slice(0, 3), all('gc-done').slice(0, 3));
    // gc() is a major collection: 4.
    const [, , thread, at, duration] = starts.find(([type]) => type === 4)!;
    assert.equal(thread, 0);
    const now = Number(process.hrtime.bigint());
    assert.ok(Number(at) < now && Number(at) > now - 600e9);
    assert.ok(Number(duration) > 0);
  });

  test('DNS, and the delay of the event loop', () => {
    const [name, host, , duration] = all('dns-done')[0]!;
    assert.deepEqual([name, host], ['lookup', 'localhost']);
    assert.ok(Number(duration) > 0);
    const [least, mean, half, most99, most, samples] = all('event-loop-delay')[0] as number[];
    assert.ok(least! <= half! && half! <= most99! && most99! <= most!);
    assert.ok(mean! >= least! && mean! <= most!);
    assert.ok(samples! > 0);
  });

  test('children and workers', () => {
    const [pid, file, values] = all('child-start')[0]!;
    assert.equal(file, process.execPath);
    assert.deepEqual(JSON.parse(values as string), [process.execPath, '--version']);
    assert.deepEqual(
      all('child-exit').find(([child]) => child === pid),
      [pid, 0, ''],
    );
    const [[thread]] = all('worker-start') as [[number]];
    assert.deepEqual(
      all('worker-exit').find(([each]) => each === thread),
      [thread, 3],
    );
  });

  test('warnings', () => assert.deepEqual(all('process-warning')[0], ['TestWarning', 'TEST1', 'careful']));

  test('fetch', () => {
    const [request] = all('undici-request-create').find(([, method]) => method === 'PUT')!;
    const headers = all('undici-request-headers').find(([id]) => id === request)!;
    assert.deepEqual(headers.slice(1), [200, 'OK']);
    assert.match(String(all('undici-request-error')[0]![1]), /ECONNREFUSED/);
    assert.equal(all('undici-client-connect-error')[0]![1], 65533);
  });

  test('an old bpftrace script finds them where they were', { skip: without('bpftrace') }, () => {
    const script = `usdt:*:node:http__server__request {
      printf("%s %d %s %s\\n", str(arg2), arg3 > 1024, str(arg4), str(arg5));
      @++;
    } interval:ms:200 /@ > 5/ { exit(); }`;
    const { stdout, stderr } = spawnSync('bpftrace', ['-q', '-p', program.pid, '-e', script], {
      encoding: 'utf8',
      timeout: 180_000,
    });
    assert.ok(stdout.split('\n').includes('127.0.0.1 1 GET /hello?n=1'), `${stdout}${stderr}`);
  });
});

describe('how a program ends', { skip: withoutTracing() }, () => {
  for (const [how, code, probe, args] of [
    ['exit', 7, 'process-exit', [7]],
    ['rejection', 1, 'unhandled-rejection', ['TypeError', 'nobody caught it']],
    ['exception', 1, 'uncaught-exception', ['RangeError', 'nobody caught it']],
  ] as const) {
    test(how, async (context) => {
      const program = startProgram(folder, [...IMPORT, fixture('ends.mjs'), how], { cwd: PACKAGE });
      context.after(() => program.child.kill('SIGKILL'));
      await until(() => program.lines.length > 0, 'the program');
      const tracer = spawn(process.execPath, [MAIN, 'trace', 'node:*', '--pid', program.pid, '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      context.after(() => tracer.kill('SIGKILL'));
      await once(createInterface({ input: tracer.stderr }), 'line');
      program.child.kill('SIGUSR2');
      await once(program.child, 'exit');
      tracer.kill('SIGINT');
      const events = jsonLines(await text(tracer.stdout)) as unknown as Event[];
      const [event = []] = argsOf(events, probe);
      assert.deepEqual(event.slice(0, args.length), args);
      if (how !== 'exit') assert.match(String(event[2]), /ends\.mjs/);
      assert.deepEqual(argsOf(events, 'process-exit'), [[code]]);
    });
  }
});

const newer = findRuntime('node26');

describe('what Node tells since 22', {
  skip: withoutTracing() || (typeof newer === 'string' && newer),
}, () => {
  let program: Program;
  let events: Event[];
  const all = (probe: string) => argsOf(events, probe);

  before(() => {
    const [runtime] = (newer as { command: readonly [string] }).command;
    program = startProgram(folder, [...IMPORT, fixture('newer.mjs')], { cwd: PACKAGE, runtime });
    const sought = ['http2-client-stream-start', 'http2-server-stream-finish', 'http2-server-stream-close'];
    sought.push('console-log', 'console-warn', 'module-import-async-end', 'module-require-error');
    events = traceUntil(program, sought);
  });
  after(() => program.child.kill('SIGKILL'));

  test('http2', () => {
    const [stream, session, method, path] = all('http2-client-stream-start')[0]!;
    assert.ok(Number(stream) > 0 && Number(session) > 0);
    assert.deepEqual([method, path], ['GET', '/streams']);
    assert.equal(all('http2-client-stream-finish')[0]![2], 201);
    assert.deepEqual(all('http2-server-stream-start')[0]!.slice(2), ['GET', '/streams']);
    assert.equal(all('http2-server-stream-finish')[0]![2], 201);
    assert.equal(all('http2-server-stream-close')[0]![2], 0);
  });

  test('console', () => {
    assert.match(String(all('console-log')[0]), /^number \d+$/);
    assert.match(String(all('console-warn')[0]), /^{ number: \d+ }$/);
  });

  test('modules', () => {
    const [id, , url, parent] = all('module-import-async-end')[0]!;
    assert.match(String(url), /^data:/);
    assert.match(String(parent), /newer\.mjs$/);
    assert.ok(Number(id) > 0);
    assert.match(String(all('module-require-error')[0]![2]), /Cannot find module/);
  });
});
