/**
 * A tracer comes in the middle of a loop that has long been compiled, and never comes back to the event loop: it is
 * noticed, and so is that it went. The compiler must not have taken the check out of the loop.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBpftrace, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('bpftrace');

test('a hot loop notices a tracer that comes, and that it goes', { skip, timeout: PATIENCE }, async (t) => {
  const program = startProgram(t, 'hot.mjs');
  const { file } = await program.next<{ file: string }>();
  for (const name of ['fire', 'lazy', 'enabled']) {
    assert.deepEqual(await program.next(), { name, looping: true });
    const tracer = await startBpftrace(t, `usdt:${file}:hot:${name} { @events = count(); }`);
    const { turns, ...noticed } = await program.next<{ turns: number }>();
    assert.deepEqual(noticed, { name, noticed: true });
    // It was looping when the tracer came.
    assert.ok(turns > 1000, `${name} had looped ${turns} times`);
    const printed = (await tracer.stop()).join('\n');
    assert.match(printed, /^@events: [1-9]\d*$/);
    assert.deepEqual(await program.next(), { name, gone: true });
  }
});
