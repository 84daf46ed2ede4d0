import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../../test/support/folders.ts';
import { needs, SDT_HEADER } from '../../../../../test/support/needs.ts';
import { readNotes } from '../../../../../test/support/notes.ts';
import { decodeStapsdtNotes, encodeStapsdtNotes, type StapsdtNote } from '../../../src/notes/stapsdt/note.ts';
import { parseArguments } from '../../../src/notes/stapsdt/operands.ts';
import type { ElfFormat } from '../../../src/object/elf/constants.ts';
import { encodeNotes } from '../../../src/object/elf/notes.ts';
import { ElfError } from '../../../src/object/elf/reader.ts';
import { run } from '../../object/tools.ts';

/** deepEqual tells null-prototype objects from ours. */
const PLAIN = { noNullPrototype: true } as const;
const LSB: ElfFormat = { class: 64, data: 'lsb' };
const folder = temporaryFolder();

function agree(path: string): StapsdtNote[] {
  const ours = readNotes(path);
  for (const { args } of ours) {
    const operands = parseArguments(args);
    assert.equal(operands.length, args.split('@').length - 1, args);
    const again = operands.map(
      ({ size, signed, float, operand }) => `${signed ? '-' : ''}${size}${float ? 'f' : ''}@${operand}`,
    );
    assert.equal(again.join(' '), args);
  }
  return ours;
}

for (const path of ['/usr/lib/x86_64-linux-gnu/libstdc++.so.6', '/usr/bin/python3']) {
  test(`the probes of ${path} are those that readelf lists`, needs('readelf', path), () => {
    assert.ok(agree(path).length > 0);
  });
}

const SDT_HEADERS = dirname(SDT_HEADER);

for (const [compiler, word] of [
  ['gcc', 'x86-64'],
  ['aarch64-linux-gnu-gcc', 'arm64'],
] as const) {
  const title = `the probes of a C program with semaphores on ${word}`;
  test(title, needs(compiler, 'readelf', SDT_HEADER), () => {
    const source = join(folder, 'program.c');
    const program = join(folder, `program-${word}`);
    cpSync(SDT_HEADERS, join(folder, 'include', 'sys'), { recursive: true, filter: isSdtHeader });
    writeFileSync(
      source,
      `#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
unsigned short web_start_semaphore __attribute__((section(".probes")));
unsigned short web_done_semaphore __attribute__((section(".probes")));
static long table[4];
int main(int argc, char **argv) {
  volatile signed char c = (signed char)argc;
  STAP_PROBE(web, start);
  STAP_PROBE4(web, done, argc, argv[0], table[2], c);
  STAP_PROBE2(web, done, 5, -7L);
  return 0;
}
`,
    );
    const { status, stderr } = run(compiler, '-O2', '-I', join(folder, 'include'), '-o', program, source);
    assert.equal(status, 0, stderr);
    const probes = agree(program);
    assert.deepEqual(
      probes.map(({ provider, name }) => `${provider}:${name}`),
      ['web:start', 'web:done', 'web:done'],
    );
    assert.ok(probes.every(({ semaphore, pc, base }) => semaphore > 0n && pc > 0n && base > 0n));
    assert.equal(probes[0]!.args, '');
    assert.deepEqual(
      parseArguments(probes[1]!.args).map(({ size, signed }) => (signed ? -size : size)),
      [-4, 8, -8, -1],
    );
  });
}

/** sdt.h and sdt-config.h, and none of the C library's. */
function isSdtHeader(path: string): boolean {
  return path === SDT_HEADERS || /\/sdt(-config)?\.h$/.test(path);
}

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((value) => !value.includes('\0'));
const name = text.filter((value) => value !== '');
const anyFormat = fc.record({
  class: fc.constantFrom(32 as const, 64 as const),
  data: fc.constantFrom('lsb' as const, 'msb' as const),
});

test('probes survive the round trip in every class and byte order', () => {
  const anyCase = anyFormat.chain((format) => {
    const word = fc.bigInt({ min: 0n, max: (1n << BigInt(format.class)) - 1n });
    const probe = fc.record(
      { pc: word, base: word, semaphore: word, provider: name, name, args: text },
      PLAIN,
    );
    return fc.tuple(fc.constant(format), fc.array(probe, { maxLength: 5 }));
  });
  fc.assert(
    fc.property(anyCase, ([format, probes]) => {
      assert.deepEqual(decodeStapsdtNotes(encodeStapsdtNotes(probes, format), format), probes);
    }),
  );
});

test('the bytes of one note: the description ends with the NUL of the arguments', () => {
  const probe = { pc: 0x1122, base: 0x33, semaphore: 0, provider: 'p', name: 'n', args: '8@x0' };
  const section = encodeStapsdtNotes([probe], { class: 32, data: 'msb' });
  assert.equal(
    Buffer.from(section).toString('hex').replace(/.{8}/g, '$& ').trim(),
    '00000008 00000015 00000003 73746170 73647400 00001122 00000033 00000000 70006e00 38407830 00000000',
  );
  const wide = encodeStapsdtNotes([{ ...probe, pc: 0xffffffff_fffffff0n }], LSB);
  assert.equal(new DataView(wide.buffer).getBigUint64(20, true), 0xffffffff_fffffff0n);
  assert.equal(new DataView(wide.buffer).getUint32(4, true), 24 + 9);
});

test('what cannot be encoded is refused', () => {
  const probe = { pc: 1, base: 1, semaphore: 0, provider: 'p', name: 'n', args: '' };
  assert.throws(() => encodeStapsdtNotes([{ ...probe, provider: '' }], LSB), /must not be empty/);
  assert.throws(() => encodeStapsdtNotes([{ ...probe, name: '' }], LSB), /must not be empty/);
  assert.throws(() => encodeStapsdtNotes([{ ...probe, args: '8@x0\0' }], LSB), /NUL/);
  assert.throws(() => encodeStapsdtNotes([{ ...probe, name: 'é\0' }], LSB), /NUL/);
  assert.throws(() => encodeStapsdtNotes([{ ...probe, pc: -1 }], LSB), RangeError);
  assert.throws(
    () => encodeStapsdtNotes([{ ...probe, pc: 2 ** 32 }], { class: 32, data: 'lsb' }),
    RangeError,
  );
});

test('malformed notes are named, notes of others are skipped', () => {
  const word = '\0'.repeat(24);
  const refused = (desc: string, message: RegExp) => {
    const section = encodeNotes([{ name: 'stapsdt', type: 3, desc: new TextEncoder().encode(desc) }], LSB);
    assert.throws(
      () => decodeStapsdtNotes(section, LSB),
      (error) => error instanceof ElfError && message.test(error.message),
      message.source,
    );
  };
  refused('', /pc is cut off/);
  refused(word.slice(1), /semaphore is cut off/);
  refused(word, /provider does not end/);
  refused(`${word}p`, /provider does not end/);
  refused(`${word}\0n\0\0`, /provider is empty/);
  refused(`${word}p\0n`, /name does not end/);
  refused(`${word}p\0\0\0`, /name is empty/);
  refused(`${word}p\0n\0`, /arguments does not end/);
  refused(`${word}p\0n\x008@x0`, /arguments does not end/);
  refused(`${word}p\0n\x008@x0\0\0`, /1 bytes follow/);
  const desc = new Uint8Array(1);
  const others = [
    { name: 'stapsdt', type: 4, desc },
    { name: 'GNU', type: 3, desc },
  ];
  assert.deepEqual(decodeStapsdtNotes(encodeNotes(others, LSB), LSB), []);
});
