/** `node --import @libusdt/node`: what tracers see of programs that know nothing of it. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { kill } from '../../../test/support/processes.ts';
import { jsonLines, MAIN, withoutTracing } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';
import {
  argsOf,
  type Event,
  findNode,
  fixture,
  IMPORT,
  PACKAGE,
  startProgram,
  traceUntil,
} from './support.ts';

const folder = temporaryFolder();

/** Runs a program to its end. */
function run(...args: readonly string[]) {
  return spawnSync(process.execPath, args, {
    cwd: PACKAGE,
    encoding: 'utf8',
    env: { ...process.env, LIBUSDT_DIR: folder },
    timeout: 120_000,
  });
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

describe('how a program ends', { skip: withoutTracing() }, () => {
  for (const [how, code, probe, args] of [
    ['exit', 7, 'process-exit', [7]],
    ['rejection', 1, 'unhandled-rejection', ['TypeError', 'nobody caught it']],
    ['exception', 1, 'uncaught-exception', ['RangeError', 'nobody caught it']],
    ['execve', undefined, 'process-execve', ['/bin/true', '["true","it"]']],
  ] as const) {
    const { runtime, skip } = findNode(how === 'execve' ? 24 : 20);
    test(how, { skip }, async (context) => {
      const program = startProgram(folder, [...IMPORT, fixture('ends.mjs'), how], { cwd: PACKAGE, runtime });
      context.after(() => kill(program.child, 'SIGKILL'));
      await until(() => program.lines.length > 0, 'the program');
      const traced = ['node:process-ex*', 'node:un*'];
      const tracer = spawn(process.execPath, [MAIN, 'trace', ...traced, '--pid', program.pid, '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      context.after(() => kill(tracer, 'SIGKILL'));
      await once(createInterface({ input: tracer.stderr }), 'line');
      kill(program.child, 'SIGUSR2');
      await once(program.child, 'exit');
      kill(tracer, 'SIGINT');
      const events = jsonLines(await text(tracer.stdout)) as unknown as Event[];
      const [event = []] = argsOf(events, probe);
      assert.deepEqual(event.slice(0, args.length), args);
      if (args.length === 2 && code !== undefined) assert.match(String(event[2]), /ends\.mjs/);
      assert.deepEqual(argsOf(events, 'process-exit'), code === undefined ? [] : [[code]]);
    });
  }
});

const newest = findNode(26);

describe('what needs an option of Node', { skip: withoutTracing() }, () => {
  test('--require: also workers that are made from text', (context) => {
    const file = fixture('eval-worker.mjs');
    const program = startProgram(folder, ['--require', '@libusdt/node', file], { cwd: PACKAGE });
    context.after(() => kill(program.child, 'SIGKILL'));
    const events = traceUntil(folder, program, ['http-server-request'], 1);
    assert.equal(argsOf(events, 'http-server-request')[0]![5], '/from-text');
  });

  test('--permission-audit: files that are opened', { skip: newest.skip }, (context) => {
    const options = ['--permission-audit', ...IMPORT, fixture('opens.mjs')];
    const program = startProgram(folder, options, { cwd: PACKAGE, runtime: newest.runtime });
    context.after(() => kill(program.child, 'SIGKILL'));
    const events = traceUntil(folder, program, ['permission-missing'], 1);
    assert.deepEqual(argsOf(events, 'permission-missing')[0], ['fs', 'FileSystemRead', '/etc/hostname']);
  });
});

test('tests of node:test', { skip: newest.skip || withoutTracing() }, (context) => {
  const file = fixture('tests.mjs');
  const program = startProgram(folder, [...IMPORT, file], { cwd: PACKAGE, runtime: newest.runtime });
  context.after(() => kill(program.child, 'SIGKILL'));
  const events = traceUntil(folder, program, ['test-start', 'test-end', 'test-error'], 1);
  for (const probe of ['test-start', 'test-end'])
    assert.deepEqual(
      argsOf(events, probe).find(([name]) => name === 'passes'),
      ['passes', file, 1, 'test'],
    );
  const [name, , , , error] = argsOf(events, 'test-error')[0]!;
  assert.equal(name, 'fails');
  assert.match(String(error), /expected/);
});
