/**
 * One program, programs/app.mjs, on every runtime that can run here: bpftrace reads its arguments, and it notices
 * that bpftrace came and went.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folders.ts';
import { kill } from '../support/processes.ts';
import { findRuntime, program, Running, withoutBpftrace } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';
import { bpftraceScript, EVENTS } from './events.ts';

const RUNTIMES = {
  node20: /^node v/,
  node26: /^node v26/,
  bun: /^bun 1/,
  deno: /^deno 2/,
  'bun-musl': /^bun 1/,
  'node-i386': /^node v20/,
} as const;

for (const name of Object.keys(RUNTIMES) as (keyof typeof RUNTIMES)[]) {
  const runtime = findRuntime(name);
  const skip = typeof runtime === 'string' ? runtime : withoutBpftrace();

  test(`${name}: bpftrace lists the probes, reads their arguments, and is noticed`, {
    skip,
    timeout: PATIENCE,
  }, async (t) => {
    assert.ok(typeof runtime !== 'string');
    const app = new Running(runtime, program('app.mjs'), { env: { LIBUSDT_DIR: temporaryFolder() } });
    t.after(() => kill(app));
    const status = await app.next<Record<string, unknown>>();
    assert.equal(status.state, 'active', JSON.stringify(status));
    assert.equal(status.storage, 'file');
    assert.match(status.runtime as string, RUNTIMES[name]);
    const file = status.file as string;
    const maps = readFileSync(`/proc/${app.child.pid}/maps`, 'utf8');
    assert.equal(/\/libc\.so\.6$/m.test(maps), name !== 'bun-musl');
    assert.equal(/musl.*\/libc\.so$|\/ld-musl-/m.test(maps), name === 'bun-musl');

    const list = spawnSync('bpftrace', ['-l', `usdt:${file}:*`], { encoding: 'utf8' });
    assert.deepEqual(list.stdout.trim().split('\n').sort(), [
      `usdt:${file}:webapp:request__body`,
      `usdt:${file}:webapp:request__done`,
      `usdt:${file}:webapp:request__start`,
    ]);

    const tracer = spawn('bpftrace', ['-q', '-e', bpftraceScript(file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => kill(tracer, 'SIGKILL'));
    const printed = { out: '', err: '' };
    tracer.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed.out += text;
    });
    tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
      printed.err += text;
    });
    await once(tracer, 'close');
    // It ends by printing the variables, of which there are only flags.
    const events = printed.out.split('\n').filter((line) => /^(start|body|done) /.test(line));
    assert.deepEqual(events.sort(), EVENTS, printed.err);

    assert.deepEqual(await app.next(), { enabled: true });
    assert.deepEqual(await app.next(), { enabled: false });
    assert.deepEqual(await app.next(), { state: 'disabled', failures: 0, lazy: true });
    if (app.child.exitCode === null) await once(app.child, 'exit');
    assert.equal(app.child.exitCode, 0);
  });
}
