/**
 * Every C type with every ordinary and odd value: the words that a tracer reads.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EVENT_TEXT_BYTES } from '../../src/abi/event-size.ts';
import { INTEGERS, OTHERS, parseCType } from '../../src/ctypes/ctypes.ts';
import type { CTypeName } from '../../src/ctypes/infer.ts';
import { C_INTEGERS, cText, doubleBits, fire, Gallery, type Shot, truncated, wrapped } from './support.ts';
import { type Row, VALUES } from './values.ts';

const LIMIT = EVENT_TEXT_BYTES;

function assertText(shot: Shot, expected: string | RegExp, what: string): void {
  if (typeof expected === 'string') assert.deepEqual(shot.cstring(0), cText(expected, LIMIT), what);
  else assert.match(shot.text(0), expected, what);
}

/** What a value times a factor is, as a decimal that is exact: the reference for scaled integers. */
function scaled({ number }: Row, factor: number): bigint {
  return typeof number === 'bigint' ? number * BigInt(factor) : truncated(Math.round(number * factor));
}

function forEachValue(name: CTypeName, check: (row: Row, shot: Shot, what: string) => void): void {
  test(name, () => {
    for (const row of VALUES) {
      check(row, fire([name], [row.make()]), `${name} of ${row.name}`);
      // The handles with many arguments go another way through the code.
      const types: CTypeName[] = [name, 'int', 'int', 'int', 'int', 'int', 'int'];
      check(row, fire(types, [row.make(), 1, 2, 3, 4, 5, 6]), `${name} of ${row.name}, and six more`);
    }
  });
}

test('the reference knows every type of the library', () => {
  const names = C_INTEGERS.map(([name]) => name);
  assert.deepEqual(names.sort(), Object.keys(INTEGERS).sort());
  const others = ['bool', 'char *', 'const char *', 'const void *', 'double', 'float', 'json', 'void *'];
  assert.deepEqual(Object.keys(OTHERS).sort(), others);
  for (const [name, bits, signed] of C_INTEGERS) {
    const type = parseCType(name);
    assert.deepEqual([type.size * 8, type.signed], [bits, signed], name);
  }
});

describe('integers wrap to their width, and are extended to 64 bits', () => {
  for (const [name, bits, signed] of C_INTEGERS) {
    forEachValue(name, (row, shot, what) => {
      assert.equal(shot.words[0], wrapped(truncated(row.number), bits, signed), what);
    });
  }

  test('as literals say', () => {
    const cases: readonly (readonly [CTypeName, unknown, bigint])[] = [
      ['int8_t', 200, 0xffff_ffff_ffff_ffc8n],
      ['uint8_t', -1, 0xffn],
      ['int16_t', 0x1_8000, 0xffff_ffff_ffff_8000n],
      ['uint16_t', 70_000, 4464n],
      ['int', 2 ** 31, 0xffff_ffff_8000_0000n],
      ['uint32_t', -1, 0xffff_ffffn],
      ['uint32_t', 2 ** 53 - 1, 0xffff_ffffn],
      ['int64_t', -1, 0xffff_ffff_ffff_ffffn],
      ['int64_t', -1.5, 0xffff_ffff_ffff_ffffn],
      ['int64_t', -(2 ** 32) - 1, 0xffff_fffe_ffff_ffffn],
      ['uint64_t', 2 ** 53, 0x20_0000_0000_0000n],
      ['uint64_t', 2n ** 64n + 1n, 1n],
      ['int', '9007199254740993', 1n],
    ];
    for (const [type, value, word] of cases) {
      assert.equal(fire([type], [value]).words[0], word, `${type} of ${String(value)}`);
    }
  });
});

describe('scaled integers are multiplied, rounded, and wrapped', () => {
  for (const [name, bits, signed] of C_INTEGERS) {
    forEachValue(`${name}*1000` as CTypeName, (row, shot, what) => {
      assert.equal(shot.words[0], wrapped(scaled(row, 1000), bits, signed), what);
    });
  }

  test('as literals say', () => {
    const word = (type: CTypeName, value: unknown): bigint =>
      BigInt.asIntN(64, fire([type], [value]).words[0]!);
    assert.equal(word('int64_t*1000', 0.0005), 1n);
    assert.equal(word('int64_t*1000', 1.2345), 1235n);
    assert.equal(word('int64_t*1000', -1.2344), -1234n);
    assert.equal(word('int64_t*1000', '1.5'), 1500n);
    assert.equal(word('int64_t*1000', 2n ** 60n), BigInt.asIntN(64, 2n ** 60n * 1000n));
    assert.equal(word('uint8_t*100', 2.55), 255n);
    assert.equal(word('uint8_t*100', 2.56), 0n);
    assert.equal(word('int*1', 2.5), 2n, 'times 1 is the plain type: truncated');
  });
});

describe('floats are the bits of a double', () => {
  for (const name of ['float', 'double'] as const) {
    forEachValue(name, (row, shot, what) => {
      const number = row.floating ?? Number(row.number);
      const expected =
        row.number === 0 && row.floating === undefined && !Object.is(row.make(), -0) ? 0 : number;
      const word = shot.words[0]!;
      // A NaN's sign and payload are nobody's business.
      if (Number.isNaN(expected)) assert.equal((word >> 51n) & 0xfffn, 0xfffn, what);
      else assert.equal(word, doubleBits(expected), what);
    });
  }

  test('as literals say', () => {
    assert.equal(fire(['double'], [0.25]).words[0], 0x3fd0_0000_0000_0000n);
    assert.equal(fire(['float'], [0.1]).words[0], 0x3fb9_9999_9999_999an);
    assert.equal(fire(['double'], [-0]).words[0], 0x8000_0000_0000_0000n);
    assert.equal(fire(['double'], [Number.NEGATIVE_INFINITY]).words[0], 0xfff0_0000_0000_0000n);
  });
});

describe('everything else', () => {
  forEachValue('bool', (row, shot, what) => assert.equal(shot.words[0], BigInt(row.truth), what));

  for (const name of ['char *', 'const char *'] as const) {
    forEachValue(name, (row, shot, what) => assertText(shot, row.text, what));
  }

  forEachValue('json', (row, shot, what) => assertText(shot, row.json, what));

  for (const name of ['void *', 'const void *'] as const) {
    forEachValue(name, (row, shot, what) => {
      if (!row.bytes) assert.equal(shot.words[0], 0n, what);
      else assert.deepEqual([...shot.bytes(0, row.bytes.length)], row.bytes, what);
    });
  }
});

describe('arguments that are missing or too many', () => {
  test('missing ones are those of undefined', () => {
    const types: CTypeName[] = ['int', 'double', 'bool', 'char *', 'json', 'void *', 'int64_t*10'];
    for (let count = 0; count < types.length; count++) {
      const shot = fire(types, [7, 0.5, true, 'text', {}, Buffer.of(1), 1].slice(0, count));
      if (count === 0) assert.equal(shot.words[0], 0n);
      if (count <= 1) assert.equal(shot.words[1], 0n);
      if (count <= 2) assert.equal(shot.words[2], 0n);
      if (count <= 3) assert.equal(shot.text(3), 'undefined');
      if (count <= 4) assert.equal(shot.text(4), 'undefined');
      if (count <= 5) assert.equal(shot.words[5], 0n);
      assert.equal(shot.words[6], 0n);
    }
  });

  test('those that are too many change nothing', () => {
    for (const count of [0, 1, 2, 3, 4, 5, 6, 7, 12, 32]) {
      const types = Array<CTypeName>(count).fill('int');
      const values = Array.from({ length: 40 }, (_, index) => index + 1);
      const { words } = fire(types, values);
      assert.deepEqual(words.slice(0, count), values.slice(0, count).map(BigInt), `${count} arguments`);
    }
  });
});

test('where the runtime gives no view of the code, the same words', () => {
  const gallery = new Gallery({ view: false });
  gallery
    .probe(['int', 'char *', 'double', 'json', 'void *'])
    .fire(-5, 'né', 0.5, { a: 1n }, Buffer.of(9, 8));
  const [shot] = gallery.shots;
  assert.ok(shot);
  assert.equal(shot.words[0], wrapped(-5n, 32, true));
  assert.equal(shot.text(1), 'né');
  assert.equal(shot.words[2], doubleBits(0.5));
  assert.equal(shot.text(3), '{"a":"1"}');
  assert.deepEqual([...shot.bytes(4, 2)], [9, 8]);
});
