/** bcc's tplist finds every probe in the file and in a process, and where each of its arguments is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';
import { readNotes } from './notes.ts';

/** Its name in Debian. */
const tplist = 'tplist-bpfcc';
const skip = withoutTracers(tplist);
const timeout = PATIENCE;

test('tplist lists the probes of a file and of a process', { skip, timeout }, async (t) => {
  const program = startProgram(t, 'hello.mjs', 'tplist');
  const { file } = await program.next<{ file: string }>();
  const expected = [`${file} tplist:say__hello`, `${file} tplist:unused`];
  const list = (...args: string[]) =>
    run(tplist, ...args)
      .trim()
      .split('\n')
      .sort();
  assert.deepEqual(list('-l', file), expected);
  const ofProcess = list('-p', String(program.pid)).filter((line) => line.includes(' tplist:'));
  const root = `/proc/${program.pid}/root`;
  assert.deepEqual(
    ofProcess.map((line) => line.replace(root, '')),
    expected,
  );
});

test('tplist understands where up to 12 arguments are', { skip, timeout }, async (t) => {
  const program = startProgram(t, 'arguments.mjs');
  const { file, probes } = await program.next<{
    file: string;
    probes: { name: string; reads: string[] }[];
  }>();
  const notes = new Map(readNotes(file).map(({ name, offset }) => [name, offset]));
  const printed = new Map<string, string>();
  for (const text of run(tplist, '-vv', '-l', file)
    .split(/^arguments:(?=\S+ \[)/m)
    .slice(1)) {
    printed.set(/^\S+/.exec(text)![0], text);
  }
  const defined = new Map(probes.map(({ name, reads }) => [name, reads]));
  assert.deepEqual([...printed.keys()].sort(), [...defined.keys()].sort());
  for (const [name, reads] of defined) {
    const text = printed.get(name)!;
    assert.ok(
      text.includes(` ${file} 0x${notes.get(name)!.toString(16)}\n`),
      `the place of ${name} in:\n${text}`,
    );
    const seen = [...text.matchAll(/argument #\d+ (\d) (\w+) +bytes @ \S/g)].map(
      ([, size, sign]) => `${sign} ${size}`,
    );
    const expected = reads.map((read) => {
      const [, sign, bits] = /^([su])(\d+)$/.exec(read) ?? [read, 'u', '64'];
      return `${sign === 's' ? 'signed' : 'unsigned'} ${Number(bits) / 8}`;
    });
    assert.deepEqual(seen, expected, text);
  }
});
