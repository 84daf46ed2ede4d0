/**
 * bpftrace finds the probes and attaches to them in each of its ways: by file, by process, before and after the
 * programs start, and to many processes at once.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kill } from '../support/processes.ts';
import { run, startBpftrace, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('bpftrace');
const timeout = PATIENCE;

interface Hello {
  readonly file: string;
  readonly storage: string;
  readonly expect: string[];
}

/** Who fired, and the arguments of the probe of programs/hello.mjs. */
const PRINT = '{ printf("%d %d %s\\n", pid, arg0, str(arg1)); }';

test('bpftrace lists the probes of a file, also when nobody runs it', { skip, timeout }, async (t) => {
  const program = startProgram(t, 'hello.mjs', 'listed');
  const { file } = await program.next<Hello>();
  const expected = [`usdt:${file}:listed:say__hello`, `usdt:${file}:listed:unused`];
  const list = (...flags: string[]) =>
    run('bpftrace', ...flags)
      .trim()
      .split('\n')
      .sort();
  assert.deepEqual(list('-l', `usdt:${file}:*`), expected);
  const ofProcess = list('-p', String(program.pid), '-l', 'usdt:*').filter((line) =>
    line.includes(':listed:'),
  );
  const root = `/proc/${program.pid}/root`;
  assert.deepEqual(
    ofProcess.map((line) => line.replace(root, '')),
    expected,
  );
  kill(program.child, 'SIGKILL');
  await program.closed;
  assert.deepEqual(list('-l', `usdt:${file}:*`), expected);
});

test('by file: a process that runs, and one that starts later', { skip, timeout }, async (t) => {
  const first = startProgram(t, 'hello.mjs');
  const { file, storage, expect } = await first.next<Hello>();
  assert.equal(storage, 'file');
  const tracer = await startBpftrace(t, `usdt:${file}:hello:say__hello ${PRINT}`);
  first.say('go');

  const second = startProgram(t, 'hello.mjs');
  const later = await second.next<Hello>();
  assert.equal(later.file, file);
  second.say('go');

  const all = [...expect, ...later.expect].sort();
  await tracer.atLeast(all.length);
  assert.deepEqual((await tracer.stop()).sort(), all);
  assert.deepEqual(await first.next(), { enabled: false });
  assert.deepEqual(await second.next(), { enabled: false });
});

for (const where of ['by -p and file', 'by -p alone'] as const) {
  test(`${where}: that process, and no other of the same file`, { skip, timeout }, async (t) => {
    const name = where === 'by -p alone' ? 'alone' : 'filtered';
    const traced = startProgram(t, 'hello.mjs', name);
    const other = startProgram(t, 'hello.mjs', name, 'anyway');
    const { file, expect } = await traced.next<Hello>();
    assert.equal((await other.next<Hello>()).file, file);
    const path = where === 'by -p alone' ? '*' : file;
    const tracer = await startBpftrace(
      t,
      `usdt:${path}:${name}:say__hello ${PRINT}`,
      '-p',
      String(traced.pid),
    );
    other.say('go');
    assert.deepEqual(await other.next(), { enabled: false });
    traced.say('go');
    await tracer.atLeast(expect.length);
    assert.deepEqual((await tracer.stop()).sort(), expect.sort());
    assert.deepEqual(await traced.next(), { enabled: false });
  });
}

test('attached before any process exists that has the file', { skip, timeout }, async (t) => {
  const publisher = startProgram(t, 'hello.mjs', 'before');
  const { file } = await publisher.next<Hello>();
  kill(publisher.child, 'SIGKILL');
  await publisher.closed;

  const tracer = await startBpftrace(t, `usdt:${file}:before:say__hello ${PRINT}`);
  const program = startProgram(t, 'hello.mjs', 'before');
  const { expect } = await program.next<Hello>();
  program.say('go');
  await tracer.atLeast(expect.length);
  assert.deepEqual((await tracer.stop()).sort(), expect.sort());
});

test('one attach sees four workers of node:cluster, and a fifth that comes later', {
  skip,
  timeout,
}, async (t) => {
  const program = startProgram(t, 'cluster.mjs');
  const { file } = await program.next<Hello>();
  const tracer = await startBpftrace(t, `usdt:${file}:cluster:work ${PRINT}`);
  program.say('go');
  const pids = new Set<number>();
  const expected: string[] = [];
  while (pids.size < 5) {
    const worker = await program.next<Hello & { pid: number }>();
    assert.equal(worker.file, file);
    pids.add(worker.pid);
    expected.push(...worker.expect);
  }
  await tracer.atLeast(expected.length);
  assert.deepEqual((await tracer.stop()).sort(), expected.sort());
  for (let n = 0; n < 5; n++) {
    const { pid, enabled } = await program.next<{ pid: number; enabled: boolean }>();
    assert.ok(pids.delete(pid));
    assert.equal(enabled, false);
  }
});
