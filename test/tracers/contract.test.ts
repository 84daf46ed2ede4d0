/**
 * The C library's own test as a contract: probes with given functions and names, 0 to 32 strings, ints, and both by
 * turns. Each is fired, disabled, enabled and fired again, and each argument is read back: by `usdt`, by uprobes that are
 * written into tracefs, by gdb, and as far as it reads by bpftrace. (The other readers' limits are in docs/types.md.)
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run, startBpftrace, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';
import { type Note, readNotes } from './notes.ts';
import { fetchArgument, Uprobes, withoutUprobes } from './uprobes.ts';

const PROGRAM = fileURLToPath(new URL('programs/contract.mjs', import.meta.url));
const USDT = fileURLToPath(new URL('../../packages/cli/bin/usdt.js', import.meta.url));
const skip = withoutTracers();
const timeout = PATIENCE;

interface Probe {
  readonly name: string;
  readonly function: string;
  /** A letter for each argument: `c` or `i`. */
  readonly kinds: string;
  readonly values: readonly (string | number)[];
}

interface Told {
  readonly file: string;
  readonly probes: readonly Probe[];
}

/** What is seen in both rounds. */
const twice = (events: readonly string[]): string[] => [...events, ...events];
const show = ({ name, values }: Probe): string => [name.replace('-', '__'), ...values].join(' ');

test('usdt reads all arguments, and lists functions, module and types', { skip, timeout }, () => {
  const printed = run(USDT, 'trace', 'testlibusdt:*', '--json', '--', process.execPath, PROGRAM);
  const lines = printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { file, probes }: Told = lines.find((line) => 'file' in line);
  assert.equal(probes.length, 132);
  const events = lines.filter((line): line is { probe: string; args: unknown[] } => 'probe' in line);
  assert.deepEqual(
    events.map(({ probe, args }) => [probe, ...args]),
    [...probes, ...probes].map(({ name, values }: Probe) => [name, ...values]),
  );
  assert.deepEqual(
    lines.filter((line) => 'enabled' in line).map(({ enabled }) => enabled),
    [0, 0],
    'traced while disabled',
  );

  const listed = run(USDT, 'list', file, '--json')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const types = { c: 'char *', i: 'int' } as Record<string, string>;
  assert.deepEqual(
    listed.map(({ provider, probe: name, module, function: of, arguments: args }) => [
      `${provider}:${module}:${of}:${name}`,
      args.map(({ type }: { type: string }) => type),
    ]),
    probes.map(({ name, function: of, kinds }: Probe) => [
      `testlibusdt:modname:${of}:${name}`,
      [...kinds].map((kind) => types[kind]),
    ]),
  );
});

/** Where the convention has an argument: the note lists the first twelve only. */
function operandOf(note: Note, n: number, kind: string): string {
  return note.operands[n] ?? `${kind === 'c' ? '8' : '-4'}@${8 * (n - 6)}(%rsp)`;
}

test('uprobes: the first twelve where the note says, the others on the stack', {
  skip: withoutUprobes(),
  timeout,
}, async (t) => {
  const program = startProgram(t, 'contract.mjs', '-(0|1|6|7|12|13|14|31|32)$', 'told');
  const { file, probes } = await program.next<Told>();
  const notes = new Map(readNotes(file).map((note) => [note.name, note]));
  const uprobes = new Uprobes(t);
  for (const { name, kinds } of probes) {
    const note = notes.get(name.replace('-', '__'))!;
    assert.equal(note.operands.length, Math.min(kinds.length, 12), name);
    const fetch = [...kinds].map((kind, n) =>
      fetchArgument(operandOf(note, n, kind), kind === 'c' ? 'string' : 's32'),
    );
    uprobes.add(file, note, fetch);
  }
  program.say('go');
  assert.deepEqual(await program.next(), { enabled: 0 });
  await program.next<Told>();
  assert.deepEqual(await program.next(), { enabled: 0 });
  const events = uprobes.events().map((event) => event.replaceAll('"', ''));
  assert.deepEqual(events, twice(probes.map(show)));
});

test('gdb: $_probe_arg for the first twelve, all 32 in registers and on the stack', {
  skip: withoutTracers('gdb') || (process.arch === 'x64' ? false : 'knows the registers of x86-64 only'),
  timeout,
}, async (t) => {
  const program = startProgram(t, 'contract.mjs', '^(i|ci)-32$', 'told');
  const { probes } = await program.next<Told>();
  // It fires when it notices gdb's breakpoints.
  program.say('go');
  const words = Array.from({ length: 32 }, (_, n) => {
    const register = ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'][n];
    return register ? `$${register}` : `*(long *)($rsp + ${8 * (n - 6)})`;
  });
  const printf = (kinds: string, places: readonly string[]): string => {
    const format = [...kinds].map((kind) => (kind === 'c' ? '%s' : '%d')).join(' ');
    const values = places.map((place, n) => (kinds[n] === 'c' ? `(char *)${place}` : `(int)${place}`));
    return `printf "seen: ${format}\\n", ${values.join(', ')}`;
  };
  const arguments12 = Array.from({ length: 12 }, (_, n) => `$_probe_arg${n}`);
  const commands = [
    ...probes.map(({ name }) => `break -probe-stap testlibusdt:${name.replace('-', '__')}`),
    ...probes.flatMap(({ kinds }) => [
      'continue',
      printf(kinds.slice(0, 12), arguments12),
      printf(kinds, words),
    ]),
  ];
  const flags = ['-q', '-nx', '-batch', '-iex', 'set debuginfod enabled off', '-p', String(program.pid)];
  const printed = run('gdb', ...flags, ...commands.flatMap((command) => ['-ex', command]));
  const seen = [...printed.matchAll(/^seen: (.*)$/gm)].map(([, values]) => values);
  const expected = probes.flatMap(({ values }) => [values.slice(0, 12).join(' '), values.join(' ')]);
  assert.deepEqual(seen, expected, printed);
});

test('bpftrace: up to six', { skip: withoutTracers('bpftrace'), timeout }, async (t) => {
  const program = startProgram(t, 'contract.mjs', '-[0-6]$', 'told');
  const { file, probes } = await program.next<Told>();
  const clauses = probes.map(({ name, kinds }) => {
    // Six of str() are more than a BPF program's stack holds; the strings have one letter.
    const format = [...kinds].map((kind) => (kind === 'c' ? ' %c' : ' %d')).join('');
    const values = [...kinds].map((kind, n) => (kind === 'c' ? `, *(uint8 *)arg${n}` : `, arg${n}`)).join('');
    const sdtName = name.replace('-', '__');
    return `usdt:${file}:testlibusdt:${sdtName} { printf("${sdtName}${format}\\n"${values}); }`;
  });
  const tracer = await startBpftrace(t, clauses.join('\n'));
  program.say('go');
  assert.deepEqual(await program.next(), { enabled: 0 });
  await program.next<Told>();
  assert.deepEqual(await program.next(), { enabled: 0 });
  const expected = twice(probes.map(show));
  await tracer.atLeast(expected.length);
  assert.deepEqual((await tracer.stop()).sort(), expected.sort());
});
