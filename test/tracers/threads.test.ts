/** Eight worker threads fire the same probe at the same time, under one tracer: no argument strays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBpftrace, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('bpftrace');

test('each of eight threads delivers its own arguments', { skip, timeout: PATIENCE }, async (t) => {
  const program = startProgram(t, 'threads.mjs');
  const { file, threads, fires } = await program.next<{ file: string; threads: number; fires: number }>();
  assert.equal(threads, 8);
  // The thread's number from the kernel: events of one thread have one, and no other has it.
  const print = 'printf("%d %d %d %s %d %d %ld\\n", tid, arg0, arg1, str(arg2), arg3, arg4, arg5)';
  const tracer = await startBpftrace(t, `usdt:${file}:threads:work { ${print}; }`);
  program.say('go');
  assert.deepEqual(await program.next(), { same: true });
  await tracer.atLeast(threads * fires);
  const lines = await tracer.stop();
  assert.deepEqual(await program.next(), { enabled: false });

  const tids = new Map<string, Set<string>>();
  const events = lines.map((line) => {
    const [, tid, thread, rest] = /^(\d+) (\d+) (.*)$/.exec(line)!;
    tids.set(thread!, (tids.get(thread!) ?? new Set()).add(tid!));
    return `${thread} ${rest}`;
  });
  const expected: string[] = [];
  for (let n = 0; n < threads; n++) {
    for (let fire = 0; fire < fires; fire++) {
      expected.push(`${n} ${fire} thread ${n} fire ${fire} ${n + fire} ${n - fire} ${n * 2 ** 40}`);
    }
  }
  assert.deepEqual(events.sort(), expected.sort());
  assert.equal(new Set([...tids.values()].flatMap((set) => [...set])).size, threads);
  for (const set of tids.values()) assert.equal(set.size, 1);
});
