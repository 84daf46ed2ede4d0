import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeDeclarations, encodeDeclarations } from '../../../src/notes/libusdt/declaration.ts';
import { encodeNotes } from '../../../src/object/elf/notes.ts';
import { ElfError } from '../../../src/object/elf/reader.ts';

/** deepEqual tells null-prototype objects from ours. */
const PLAIN = { noNullPrototype: true } as const;
const LSB = { class: 64, data: 'lsb' } as const;
const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((value) => !value.includes('\0'));
const type = text.filter((value) => value !== '' && !value.includes(','));

test('declarations survive the round trip in every class and byte order', () => {
  const probe = fc.record(
    {
      pc: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      provider: text,
      module: text,
      function: text,
      name: text,
      types: fc.array(type, { maxLength: 32 }),
    },
    PLAIN,
  );
  const format = fc.record({
    class: fc.constantFrom(32 as const, 64 as const),
    data: fc.constantFrom('lsb' as const, 'msb' as const),
  });
  fc.assert(
    fc.property(fc.array(probe, { maxLength: 5 }), format, (probes, elf) => {
      assert.deepEqual(decodeDeclarations(encodeDeclarations(probes, elf), elf), probes);
    }),
  );
});

test('the bytes of one declaration', () => {
  const probe = {
    pc: 0x1122,
    provider: 'p',
    module: 'm',
    function: '',
    name: 'a-b',
    types: ['int', 'char *'],
  };
  const section = encodeDeclarations([probe], { class: 32, data: 'msb' });
  assert.equal(
    Buffer.from(section).toString('latin1'),
    '\0\0\0\x08\0\0\0\x1c\0\0\0\x01libusdt\0\0\0\0\0\0\0\x11\x22p\0m\0\0a-b\0int,char *\0'.replace(
      '\x1c',
      '\x1c',
    ),
  );
});

test('what cannot be encoded is refused', () => {
  const probe = { pc: 1, provider: 'p', module: 'm', function: 'f', name: 'n', types: [] };
  assert.throws(() => encodeDeclarations([{ ...probe, types: ['a,b'] }], LSB), /without comma/);
  assert.throws(() => encodeDeclarations([{ ...probe, types: [''] }], LSB), /non-empty/);
  assert.throws(() => encodeDeclarations([{ ...probe, module: '\0' }], LSB), /NUL/);
});

test('malformed declarations are named, notes of others are skipped', () => {
  const refused = (desc: string, message: RegExp) => {
    const section = encodeNotes([{ name: 'libusdt', type: 1, desc: new TextEncoder().encode(desc) }], LSB);
    assert.throws(
      () => decodeDeclarations(section, LSB),
      (error) => error instanceof ElfError && message.test(error.message),
      message.source,
    );
  };
  const pc = '\0'.repeat(8);
  refused(pc.slice(1), /pc is cut off/);
  refused(`${pc}p\0m\0f\0n\0int`, /types does not end/);
  refused(`${pc}p\0m\0f\0n\0int\0x`, /1 bytes follow/);
  refused(`${pc}p\0m\0f\0n\0int,,int\0`, /an empty type/);
  const desc = new Uint8Array(3);
  assert.deepEqual(
    decodeDeclarations(
      encodeNotes(
        [
          { name: 'libusdt', type: 2, desc },
          { name: 'other', type: 1, desc },
        ],
        LSB,
      ),
      LSB,
    ),
    [],
  );
});
