/**
 * Uprobes written straight into tracefs, with no tracer in between: what readelf says of the notes is all that is
 * needed to read up to 12 arguments of any type.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProgram } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';
import { readNotes } from './notes.ts';
import { fetchArgument, Uprobes, withoutUprobes } from './uprobes.ts';

const skip = withoutUprobes();

interface Told {
  readonly file: string;
  readonly probes: readonly { readonly name: string; readonly reads: readonly string[] }[];
}

test('uprobe events with 0 to 12 arguments of all types', { skip, timeout: PATIENCE }, async (t) => {
  const program = startProgram(t, 'arguments.mjs', '^type|^count|^mixed');
  const { file, probes } = await program.next<Told>();
  const notes = new Map(readNotes(file).map((note) => [note.name, note]));
  const uprobes = new Uprobes(t);
  for (const [name, { reads }] of new Map(probes.map((probe) => [probe.name, probe]))) {
    const note = notes.get(name);
    assert.ok(note, `${name} has no note`);
    assert.equal(note.operands.length, reads.length, `the number of operands of ${name}`);
    if (reads.includes('bytes')) continue;
    uprobes.add(
      file,
      note,
      note.operands.map((operand, n) => fetchArgument(operand, reads[n]!)),
    );
  }
  program.say('go');
  const { fired } = await program.next<{ fired: string[] }>();
  assert.ok(fired.some((event) => event.startsWith('count__12 ')));
  const events = uprobes.events().map((event) => event.replace(/ "(.*)"$/, ' $1'));
  assert.deepEqual(events, fired);
  uprobes.disable();
  assert.deepEqual(await program.next(), { enabled: false });
});
