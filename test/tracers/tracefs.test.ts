/**
 * Uprobes written straight into tracefs, with no tracer in between: what readelf says of the notes is all that is
 * needed to read up to 12 arguments of any type.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type Note, readNotes } from './notes.ts';
import { PATIENCE, run, startProgram, withoutTracers } from './support.ts';

const TRACEFS = '/sys/kernel/tracing';
const skip =
  process.arch === 'x64'
    ? withoutTracers()
    : 'reads operands of x86-64 only; the notes of arm64 are read by readelf';

/** Operands of x86-64 in the kernel's words: `%edi` and `%rdi` are its `%di`, `%cl` is its `%cx`. https://docs.kernel.org/trace/uprobetracer.html */
function fetchArgument(operand: string, read: string): string {
  const [, size, place] = /^(-?\d)@(.+)$/.exec(operand)!;
  const [, offset, register] = /^(-?\d+)?\(?%(\w+)\)?$/.exec(place!)!;
  const name = register!
    .replace(/^(r\d+)[bdw]$/, '$1')
    .replace(/^([a-d])l$/, '$1x')
    .replace(/^(.{2})l$/, '$1')
    .replace(/^[er](?!\d)/, '');
  const source = offset === undefined ? `%${name}` : `+${offset}(%${name})`;
  if (read === 'string') return `+0(${source}):string`;
  return `${source}:${size!.startsWith('-') ? 's' : 'u'}${Math.abs(Number(size)) * 8}`;
}

/** A trace instance with uprobes that nobody else sees. */
class Uprobes {
  readonly #group = `libusdt_test_${process.pid}`;
  readonly #instance = `${TRACEFS}/instances/${this.#group}`;
  readonly #names: string[] = [];

  constructor(t: TestContext) {
    if (!existsSync(`${TRACEFS}/uprobe_events`)) run('mount', '-t', 'tracefs', 'tracefs', TRACEFS);
    t.after(() => this.#remove());
    mkdirSync(this.#instance);
  }

  add(file: string, { name, offset }: Note, fetch: readonly string[]): void {
    const args = fetch.map((argument, n) => ` a${n}=${argument}`).join('');
    writeFileSync(`${TRACEFS}/uprobe_events`, `p:${this.#group}/${name} ${file}:${offset}${args}\n`, {
      flag: 'a',
    });
    this.#names.push(name);
    writeFileSync(`${this.#instance}/events/${this.#group}/${name}/enable`, '1');
  }

  /** Of all events: the name, and the values as the kernel prints them. */
  events(): string[] {
    const trace = readFileSync(`${this.#instance}/trace`, 'utf8');
    return [...trace.matchAll(/: (\w+): \(0x\w+\)(.*)/g)].map(([, name, fields]) =>
      [name, ...fields!.split(/ a\d+=/).slice(1)].join(' '),
    );
  }

  disable(): void {
    writeFileSync(`${this.#instance}/events/${this.#group}/enable`, '0');
  }

  #remove(): void {
    if (this.#names.length > 0) this.disable();
    rmdirSync(this.#instance);
    for (const name of this.#names) {
      writeFileSync(`${TRACEFS}/uprobe_events`, `-:${this.#group}/${name}\n`, { flag: 'a' });
    }
  }
}

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
