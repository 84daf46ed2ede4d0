/** What tracers see of a provider that changes while it is traced: probes that come and go, disable, enable. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { run, type Started, startBpftrace, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('bpftrace');
const timeout = PATIENCE;

interface Standing {
  readonly state: string;
  readonly file: string;
  readonly files: string[];
  readonly lingering: string[];
  readonly enabled: string[];
}

/** The program, with probes `a` and `b`, enabled; `tell` gives it commands, and answers how it stands after the last. */
async function start(t: TestContext, name: string) {
  const program = startProgram(t, 'lifecycle.mjs', name);
  const tell = async (...commands: string[]): Promise<Standing> => {
    let standing: Standing | undefined;
    for (const command of commands) {
      program.say(command);
      standing = await program.next<Standing>();
    }
    return standing!;
  };
  return { program, tell, standing: await tell('add a', 'add b', 'enable') };
}

/** Prints the name and the argument of these probes. */
function script(name: string, places: Readonly<Record<string, string>>): string {
  const clause = ([probe, file]: [string, string]) =>
    `usdt:${file}:${name}:${probe} { printf("${probe} %d\\n", arg0); }`;
  return Object.entries(places).map(clause).join(' ');
}

const list = (file: string): string[] =>
  [...run('bpftrace', '-l', `usdt:${file}:*`).matchAll(/:(\w+)$/gm)].map(([, probe]) => probe!).sort();

async function expectEvents(tracer: Started, ...expected: string[]): Promise<void> {
  assert.deepEqual((await tracer.atLeast(expected.length)).sort(), expected.sort());
}

test('a probe that is added does not disturb those that are traced', { skip, timeout }, async (t) => {
  const name = 'adding';
  const { program, tell, standing } = await start(t, name);
  const { file } = standing;
  const first = await startBpftrace(t, script(name, { a: file, b: file }));
  assert.deepEqual((await tell('fire')).enabled, ['a', 'b']);

  const grown = await tell('add c', 'enable');
  assert.equal(grown.files.length, 2);
  assert.equal(grown.files[0], file);
  assert.deepEqual(grown.enabled, ['a', 'b']);
  const added = grown.files[1]!;
  assert.deepEqual([list(file), list(added)], [['a', 'b'], ['c']]);
  await tell('fire');

  // By process, it is found without knowing its file.
  const second = await startBpftrace(t, script(name, { c: '*' }), '-p', String(program.pid));
  assert.deepEqual((await tell('fire')).enabled, ['a', 'b', 'c']);
  await expectEvents(second, 'c 3');
  await expectEvents(first, 'a 1', 'b 1', 'a 2', 'b 2', 'a 3', 'b 3');
  await first.stop();
  await second.stop();
  await tell('idle', 'fire');
  await expectEvents(first, 'a 1', 'b 1', 'a 2', 'b 2', 'a 3', 'b 3');
});

test('a probe that is removed while its neighbour is traced goes when that ends', {
  skip,
  timeout,
}, async (t) => {
  const name = 'removing';
  const { tell, standing } = await start(t, name);
  const { file } = standing;
  const tracer = await startBpftrace(t, script(name, { a: file, b: file }));
  await tell('fire');

  const shrunk = await tell('remove b', 'enable');
  assert.deepEqual(shrunk.files, [file]);
  assert.deepEqual(shrunk.lingering, ['b']);
  assert.deepEqual(shrunk.enabled, ['a']);
  await tell('fire');
  await expectEvents(tracer, 'a 1', 'b 1', 'a 2');
  await tracer.stop();

  assert.deepEqual((await tell('idle')).lingering, ['b']);
  const clean = await tell('enable');
  assert.deepEqual(clean.lingering, []);
  assert.equal(clean.files.length, 1);
  assert.notEqual(clean.file, file);
  assert.deepEqual(list(clean.file), ['a']);
  const later = await startBpftrace(t, script(name, { a: clean.file }));
  await tell('fire');
  await expectEvents(later, 'a 3');
});

test('a probe that is removed while it is traced itself', { skip, timeout }, async (t) => {
  const name = 'vanishing';
  const { tell, standing } = await start(t, name);
  const tracer = await startBpftrace(t, script(name, { b: standing.file }));
  await tell('fire');
  const clean = await tell('remove b', 'enable');
  assert.notEqual(clean.file, standing.file);
  assert.deepEqual([clean.lingering, clean.enabled], [[], []]);
  const other = await startBpftrace(t, script(name, { a: clean.file }));
  await tell('fire');
  await expectEvents(other, 'a 2');
  await other.stop();
  await expectEvents(tracer, 'b 1');
  assert.deepEqual(await tracer.stop(), ['b 1']);
});

test('a tracer keeps its probes over disable and enable', { skip, timeout }, async (t) => {
  const name = 'returning';
  const { tell, standing } = await start(t, name);
  const { file } = standing;
  const tracer = await startBpftrace(t, script(name, { a: file, b: file }));
  await tell('fire');
  const gone = await tell('disable');
  assert.deepEqual([gone.state, gone.enabled], ['disabled', []]);
  await tell('fire');
  const back = await tell('enable');
  // The same definition is the same file, which is still being traced.
  assert.deepEqual([back.state, back.file, back.enabled], ['active', file, ['a', 'b']]);
  await tell('fire', 'enable', 'fire');
  await expectEvents(tracer, 'a 1', 'b 1', 'a 3', 'b 3', 'a 4', 'b 4');
  await tracer.stop();
  assert.deepEqual((await tell('idle')).enabled, []);
});
