/** Debian's Node for i386: what end-to-end.test.ts does not look at, the operands and what `usdt trace` makes of them. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/folders.ts';
import { without } from '../support/needs.ts';
import { kill } from '../support/processes.ts';
import { findRuntime, program, Running } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';

const USDT = fileURLToPath(new URL('../../packages/cli/bin/usdt.js', import.meta.url));
const runtime = findRuntime('node-i386');
const skip = typeof runtime === 'string' ? runtime : without('readelf');

interface TraceEvent {
  readonly probe: string;
  readonly args: readonly unknown[];
}

test('i386: arguments are words on the stack, and usdt reads them', {
  skip,
  timeout: PATIENCE,
}, async (t) => {
  assert.ok(typeof runtime !== 'string');
  const app = new Running(runtime, program('app.mjs'), { env: { LIBUSDT_DIR: temporaryFolder() } });
  t.after(() => kill(app));
  const { file, tracepoint } = await app.next<{ file: string; tracepoint: string }>();
  assert.equal(tracepoint, 'nop');

  const { stdout } = spawnSync('readelf', ['-h', '-n', '--wide', file], { encoding: 'utf8' });
  assert.match(stdout, /Class: +ELF32/);
  assert.match(stdout, /Machine: +Intel 80386/);
  assert.deepEqual(
    [...stdout.matchAll(/Arguments: (.*)/g)].map(([, text]) => text!.trim()),
    [
      '-4@0(%esp) 8@4(%esp) 4@12(%esp) 4@16(%esp)',
      '-8@0(%esp) 1@8(%esp) 4@12(%esp) 4@16(%esp)',
      '-1@0(%esp) 1@4(%esp) -2@8(%esp) 2@12(%esp) -4@16(%esp) 4@20(%esp)',
    ],
  );

  const args = ['trace', '--json', '--quiet', '--count', '300', '--file', file, 'webapp:*'];
  const traced = spawnSync(process.execPath, [USDT, ...args], { encoding: 'utf8', timeout: PATIENCE });
  assert.equal(traced.status, 0, traced.stderr);
  const lines = traced.stdout.trim().split('\n');
  const events = new Map(
    lines.map((line) => JSON.parse(line) as TraceEvent).map(({ probe, args }) => [probe, args]),
  );
  // The kernel has 64 bits, and does not follow pointers of 32 that lie in memory: no text.
  assert.deepEqual(events.get('request-start'), [-42, '9223372036854775809', null, null]);
  const [big, yes, address, length] = events.get('request-body')!;
  assert.deepEqual([big, yes, length], ['-4611686018427387904', true, 19]);
  assert.ok(Number.isInteger(address) && Number(address) > 0 && Number(address) < 2 ** 32);
  assert.deepEqual(events.get('request-done'), [-1, 255, -2, 65535, -3, 4294967295]);

  assert.deepEqual(await app.next(), { enabled: true });
  assert.deepEqual(await app.next(), { enabled: false });
  assert.deepEqual(await app.next(), { state: 'disabled', failures: 0, lazy: true });
  if (app.child.exitCode === null) await once(app.child, 'exit');
});
