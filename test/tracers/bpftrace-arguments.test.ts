/**
 * bpftrace reads arguments of every type, and every number of them that it can: `arg0` to `arg5` on x86-64 before
 * 0.21, those that are in registers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBpftrace, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('bpftrace');

/** How bpftrace prints argument `n`. */
function field(read: string, n: number): readonly [format: string, expression: string] {
  if (read === 'string') return ['%s', `str(arg${n})`];
  if (read === 'bytes') return ['%r', `buf(arg${n}, arg${n + 1})`];
  const [, sign, size] = /^([su])(\d+)$/.exec(read)!;
  return [sign === 's' ? '%ld' : '%lu', `(${sign === 's' ? 'int' : 'uint'}${size})arg${n}`];
}

interface Probe {
  readonly name: string;
  readonly reads: readonly string[];
}

function clause(file: string, { name, reads }: Probe): string {
  const fields = reads.map(field);
  const format = [name, ...fields.map(([format]) => format)].join(' ');
  const values = fields.map(([, expression]) => `, ${expression}`).join('');
  return `usdt:${file}:arguments:${name} { printf("${format}\\n"${values}); }`;
}

test('arguments of every type, and 0 to 6 of them', { skip, timeout: PATIENCE }, async (t) => {
  const program = startProgram(t, 'arguments.mjs', '^type|^bytes|^count-[0-6]$');
  const { file, probes } = await program.next<{ file: string; probes: Probe[] }>();
  const chosen = new Map(probes.map((probe) => [probe.name, probe]));
  for (const [name, { reads }] of chosen) if (reads.length > 6) chosen.delete(name);

  const tracer = await startBpftrace(t, [...chosen.values()].map((probe) => clause(file, probe)).join('\n'));
  program.say('go');
  const { fired } = await program.next<{ fired: string[] }>();
  assert.ok(fired.length > 60);
  await tracer.atLeast(fired.length);
  assert.deepEqual((await tracer.stop()).sort(), fired.sort());
  assert.deepEqual(await program.next(), { enabled: false });
});
