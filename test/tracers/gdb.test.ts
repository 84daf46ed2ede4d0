/** gdb lists the probes of a running process, stops at one, and prints its arguments. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('gdb');

function gdb(pid: number, ...commands: string[]): string {
  const flags = ['-q', '-nx', '-batch', '-iex', 'set debuginfod enabled off', '-p', String(pid)];
  return run('gdb', ...flags, ...commands.flatMap((command) => ['-ex', command]));
}

test('info probes stap, a breakpoint at a probe, and all 12 arguments', {
  skip,
  timeout: PATIENCE,
}, async (t) => {
  const program = startProgram(t, 'arguments.mjs', '^(count-12|mixed)$');
  const { file, probes } = await program.next<{ file: string; probes: { name: string }[] }>();
  const listed = [
    ...gdb(program.pid, 'info probes stap ^arguments$').matchAll(
      /^stap +arguments +(\S+) +0x\w+ +(\/.*?) *$/gm,
    ),
  ].map(([, name, object]) => `${name} ${object}`);
  const expected = [...new Set(probes.map(({ name }) => `${name} ${file}`))];
  assert.deepEqual(listed.sort(), expected.sort());

  // It fires when it notices gdb's breakpoints, one after the other.
  program.say('go');
  const print = (format: string) =>
    `printf "seen: ${Array(12).fill(format).join(' ')}\\n"${Array.from({ length: 12 }, (_, n) => `, $_probe_arg${n}`).join('')}`;
  const printed = gdb(
    program.pid,
    'break -probe-stap arguments:count__12',
    'break -probe-stap arguments:mixed',
    'continue',
    'printf "seen: %d arguments\\n", $_probe_argc',
    print('%lu'),
    'continue',
    print('%ld'),
  );
  const seen = [...printed.matchAll(/^seen: (.*)$/gm)].map(([, values]) => values);
  const { fired } = await program.next<{ fired: string[] }>();
  const [count, mixed] = fired.map((event) => event.replace(/^\S+ /, ''));
  assert.deepEqual(seen, ['12 arguments', count, mixed], printed);
  assert.deepEqual(await program.next(), { enabled: false });
});

test('a text at $_probe_arg1', { skip, timeout: PATIENCE }, async (t) => {
  const program = startProgram(t, 'hello.mjs', 'gdb');
  await program.next();
  program.say('go');
  const commands = [
    'break -probe-stap gdb:say__hello',
    'continue',
    'printf "%d %s\\n", $_probe_arg0, (char *)$_probe_arg1',
  ];
  assert.match(gdb(program.pid, ...commands), /^0 grüße 0$/m);
  assert.deepEqual(await program.next(), { enabled: false });
});
