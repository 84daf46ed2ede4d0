import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { needs } from '../../../../test/support/needs.ts';
import type { ElfFormat } from '../../src/object/elf/constants.ts';
import { encodeNotes, readNotes } from '../../src/object/elf/notes.ts';
import { ElfError, readElf } from '../../src/object/elf/reader.ts';
import { run } from './tools.ts';

const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';
/** deepEqual tells null-prototype objects from ours. */
const PLAIN = { noNullPrototype: true } as const;
const LSB: ElfFormat = { class: 64, data: 'lsb' };
const anyFormat = fc.record({
  class: fc.constantFrom(32 as const, 64 as const),
  data: fc.constantFrom('lsb' as const, 'msb' as const),
});
const anyNote = fc.record(
  {
    name: fc.string({ unit: 'grapheme', maxLength: 12 }).filter((name) => !name.includes('\0')),
    type: fc.nat(0xffffffff),
    desc: fc.uint8Array({ maxLength: 24 }),
  },
  PLAIN,
);

test('notes survive the round trip', () => {
  fc.assert(
    fc.property(fc.array(anyNote, { maxLength: 6 }), anyFormat, (notes, format) => {
      const section = encodeNotes(notes, format);
      assert.equal(section.length % 4, 0);
      const read = [...readNotes(section, format)];
      assert.deepEqual(
        read.map(({ name, type, desc }) => ({ name, type, desc: new Uint8Array(desc) })),
        notes,
      );
      for (const { desc, descOffset } of read) {
        assert.deepEqual(section.subarray(descOffset, descOffset + desc.length), desc);
      }
    }),
  );
});

test('the bytes of one note', () => {
  const note = { name: 'GNU', type: 3, desc: Uint8Array.of(1, 2, 3, 4, 5) };
  assert.deepEqual(
    [...encodeNotes([note], { class: 32, data: 'msb' })],
    [0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 3, 0x47, 0x4e, 0x55, 0, 1, 2, 3, 4, 5, 0, 0, 0],
  );
  assert.deepEqual(
    [...encodeNotes([{ name: '', type: 1, desc: new Uint8Array(0) }], LSB)],
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
  );
});

test('the build id and the 8-aligned properties of libc', needs('readelf', LIBC), () => {
  const file = readElf(readFileSync(LIBC));
  const expected = /Build ID: ([0-9a-f]+)/.exec(run('readelf', '-n', LIBC).stdout)?.[1];
  const [note] = readNotes(file.data(file.section('.note.gnu.build-id')!), file.format);
  assert.equal(note!.name, 'GNU');
  assert.equal(Buffer.from(note!.desc).toString('hex'), expected);
  const property = file.section('.note.gnu.property')!;
  const notes = [...readNotes(file.data(property), file.format, Number(property.align))];
  assert.deepEqual(
    notes.map(({ name, type }) => [name, type]),
    [['GNU', 5]],
  );
});

test('padding to 8 where the section says so', () => {
  const section = new Uint8Array(48);
  const view = new DataView(section.buffer);
  for (const at of [0, 24]) {
    view.setUint32(at, 4, true);
    view.setUint32(at + 4, 4, true);
    view.setUint32(at + 8, at + 1, true);
  }
  const types = (align: number) => [...readNotes(section, LSB, align)].map(({ type }) => type);
  assert.deepEqual(types(8), [1, 25]);
  assert.notDeepEqual(types(4), [1, 25]);
});

test('a cut or mutated section ends or is refused', () => {
  fc.assert(
    fc.property(
      fc.array(anyNote, { minLength: 1, maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 }),
      fc.nat(200),
      (notes, changes, cut) => {
        const section = encodeNotes(notes, LSB).slice(0, cut);
        for (const [at, value] of changes) if (at < section.length) section[at] = value;
        try {
          for (const { desc } of readNotes(section, LSB))
            assert.ok(desc.byteOffset + desc.length <= section.length);
        } catch (error) {
          if (!(error instanceof ElfError)) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
  const whole = encodeNotes([{ name: 'a', type: 1, desc: new Uint8Array(4) }], LSB);
  for (let size = 1; size < whole.length; size++) {
    assert.throws(() => [...readNotes(whole.subarray(0, size), LSB)], ElfError, `${size} bytes`);
  }
});
