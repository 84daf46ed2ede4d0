/** A JavaScript program and a C program with <sys/sdt.h> are the same to a bpftrace script. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { expectedOutput } from '../support/expected.ts';
import { temporaryFolder } from '../support/folders.ts';
import { SDT_HEADER } from '../support/needs.ts';
import { run, Started, startBpftrace, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('bpftrace', 'gcc', SDT_HEADER);

const SOURCE = fileURLToPath(new URL('native/twin.c', import.meta.url));

/** No cast: how large an argument is, and whether it has a sign, comes from the notes. */
function script(file: string): string {
  return `
    usdt:${file}:twin:begin { @begun = @begun + 1; printf("%d begin %s\\n", @begun, probe); }
    usdt:${file}:twin:numbers {
      printf("%d numbers %ld %ld %ld %ld %ld %lu\\n", @begun, arg0, arg1, arg2, arg3, arg4, arg5);
      printf("%d sums %ld %ld\\n", @begun, arg0 + arg2 + arg4, arg1 + arg3);
    }
    usdt:${file}:twin:text__and__number { printf("%d text %s %ld\\n", @begun, str(arg0), arg1); }`;
}

async function trace(t: TestContext, program: Started, file: string) {
  const tracer = await startBpftrace(t, script(file));
  program.say('go');
  assert.deepEqual(await program.next(), { fired: true });
  await tracer.atLeast(12);
  const events = await tracer.stop();
  const listed = run('bpftrace', '-l', `usdt:${file}:*`).trim().split('\n').sort();
  return [...events.sort(), ...listed].map((line) => line.replaceAll(file, 'FILE'));
}

test('the same list, and the same output of the same script', { skip, timeout: PATIENCE }, async (t) => {
  const binary = join(temporaryFolder(), 'twin');
  run('gcc', '-O2', '-Wall', '-Werror', '-o', binary, SOURCE);
  const native = new Started(t, binary);
  await native.next();
  const ours = startProgram(t, 'twin.mjs');
  const { file } = await ours.next<{ file: string }>();

  const expected = expectedOutput(SOURCE);
  assert.deepEqual(await trace(t, native, binary), expected);
  assert.deepEqual(await trace(t, ours, file), expected);
});
