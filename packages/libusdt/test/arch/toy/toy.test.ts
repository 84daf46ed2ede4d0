/** A processor that is in the lists is everywhere: an image for it, and its operands read back. */

import './plugged.ts';

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../../test/support/folders.ts';
import { needs } from '../../../../../test/support/needs.ts';
import { archNamed, archOfElf, PROCESSORS, READERS } from '../../../src/arch/index.ts';
import { stackWords } from '../../../src/arch/passing.ts';
import { parseCType } from '../../../src/ctypes/ctypes.ts';
import { decodeDof } from '../../../src/dof/decode.ts';
import { buildImage } from '../../../src/image/image.ts';
import { imagesIn } from '../../../src/image/platforms.ts';
import { tracepointFor } from '../../../src/image/tracepoint.ts';
import { decodeDeclarations } from '../../../src/notes/libusdt/declaration.ts';
import { decodeStapsdtNotes } from '../../../src/notes/stapsdt/note.ts';
import { argumentString, parseArguments } from '../../../src/notes/stapsdt/operands.ts';
import { readElf } from '../../../src/object/elf/reader.ts';
import { run } from '../../object/tools.ts';
import { NOP, RETURN, TOY_NAME } from './processor.ts';

const TYPES = ['int', 'uint64_t', 'char *', 'int16_t', 'bool', 'double', 'long'];
const definition = {
  provider: 'webapp',
  module: 'webapp',
  probes: ['first', 'second', 'third'].map((name) => ({
    name,
    function: name,
    types: TYPES.map(parseCType),
  })),
};
const image = buildImage(definition, { os: 'linux', arch: TOY_NAME, tracepoint: 'nop', dof: true });
const elf = readElf(image.bytes);
const data = (section: string): Uint8Array => elf.data(elf.section(section)!);
const ARGUMENTS = '-4@%r2 8@%r3 8@%r4 -2@%r5 1@%r6 8@160(%r15) -8@168(%r15)';

test('the library finds it by its names and numbers', () => {
  assert.equal(archNamed('toy390'), TOY_NAME);
  assert.equal(archOfElf(22), TOY_NAME);
  assert.equal(tracepointFor(TOY_NAME, '6.18.0'), 'nop');
  assert.equal(stackWords(TOY_NAME, 7), 2);
  assert.deepEqual(
    imagesIn(image.bytes).map(({ platform }) => platform),
    ['linux-toy'],
  );
});

test('an image is a file of its word size and byte order', () => {
  assert.deepEqual(elf.format, { class: 64, data: 'msb' });
  assert.equal(elf.machine, 22);
  const notes = decodeStapsdtNotes(data('.note.stapsdt'), elf.format);
  assert.deepEqual(
    notes.map(({ name, args }) => [name, args]),
    ['first', 'second', 'third'].map((name) => [name, ARGUMENTS]),
  );
  const declarations = [...decodeDeclarations(data('.note.libusdt'), elf.format)];
  assert.deepEqual(
    declarations.map(({ types }) => types),
    [TYPES, TYPES, TYPES],
  );
  const { encoding, model } = decodeDof(data('.SUNW_dof'));
  assert.deepEqual([encoding, model], ['MSB', 'LP64']);
});

test('its code is in its byte order, and so is what a probe is compared with', () => {
  const text = elf.section('.text')!;
  const view = new DataView(image.bytes.buffer, image.bytes.byteOffset + Number(text.offset));
  for (let index = 0; index < 3; index++) {
    const { entry, site, idle } = image.sites.at(index)!;
    assert.deepEqual([view.getInt32(entry), view.getInt32(site + 4), idle], [NOP, RETURN, NOP]);
  }
});

test('operands that were printed are read back as the places they are', () => {
  const types = Array.from({ length: 12 }, () => ({ size: 8, signed: false }) as const);
  const places = PROCESSORS[TOY_NAME].convention('linux').place(types);
  const context = { fixed: false, symbol: () => undefined };
  const parsed = parseArguments(argumentString(TOY_NAME, types)).map(({ operand }) =>
    READERS[TOY_NAME].parseOperand(operand, context),
  );
  const expected = places.map((place) =>
    place.kind === 'stack'
      ? { kind: 'memory', base: 'r15', offset: BigInt(place.offset) }
      : { kind: 'register', name: `r${2 + place.index}`, bits: 64, shift: 0 },
  );
  assert.deepEqual(parsed, expected);
});

test('readelf reads the file', needs('readelf'), () => {
  const file = join(temporaryFolder(), 'toy.so');
  writeFileSync(file, image.bytes);
  const { stdout, stderr } = run('readelf', '--wide', '-h', '-n', file);
  assert.equal(stderr, '');
  assert.match(stdout, /big endian[\s\S]*IBM S\/390[\s\S]*Flags: +0x5/);
  assert.equal(stdout.split(`Arguments: ${ARGUMENTS}`).length - 1, 3);
});
