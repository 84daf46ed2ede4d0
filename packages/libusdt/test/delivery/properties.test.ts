/**
 * What must hold for all values, held against references made of BigInt and Buffer.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { CTypeName } from '../../src/ctypes/infer.ts';
import { C_INTEGERS, cText, doubleBits, fire, Gallery, truncated, wrapped } from './support.ts';

const integer = fc.constantFrom(...C_INTEGERS);
const anyBigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  // Around every power of two.
  fc
    .tuple(fc.nat(130), fc.integer({ min: -2, max: 2 }), fc.boolean())
    .map(([power, step, negative]) => (negative ? -1n : 1n) * 2n ** BigInt(power) + BigInt(step)),
);
const anyNumber = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), anyBigint.map(Number));
const allTypes: readonly CTypeName[] = [
  ...C_INTEGERS.map(([name]) => name),
  'bool',
  'float',
  'double',
  'char *',
  'json',
  'void *',
  'int64_t*1000',
  'uint8_t*7',
];
const anyType = fc.constantFrom(...allTypes);
/** Text with characters of one to four bytes, NULs and lone surrogates. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc
    .array(fc.constantFrom('a', '\0', 'é', '€', '😀', '\ud83d', '\ude00'), { maxLength: 120 })
    .map((units) => units.join('')),
  fc.string({ unit: 'grapheme-ascii', maxLength: 120 }),
);

describe('integers', () => {
  test('bigints wrap and are extended', () => {
    fc.assert(
      fc.property(integer, anyBigint, ([name, bits, signed], value) => {
        assert.equal(fire([name], [value]).words[0], wrapped(value, bits, signed));
      }),
    );
  });

  test('numbers are truncated, wrap, and are extended', () => {
    fc.assert(
      fc.property(integer, anyNumber, ([name, bits, signed], value) => {
        assert.equal(fire([name], [value]).words[0], wrapped(truncated(value), bits, signed));
      }),
      { numRuns: 500 },
    );
  });

  test('decimal text of up to 20 digits is taken exactly, by every type', () => {
    const values = fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n });
    fc.assert(
      fc.property(integer, values, ([name, bits, signed], value) => {
        assert.equal(fire([name], [`${value}`]).words[0], wrapped(value, bits, signed));
      }),
    );
  });

  test('any other text is what Number() makes of it', () => {
    const texts = fc.oneof(
      anyNumber.map(String),
      anyText,
      fc.bigInt({ min: 10n ** 20n, max: 10n ** 40n }).map(String),
    );
    fc.assert(
      fc.property(integer, texts, ([name, bits, signed], text) => {
        fc.pre(!/^\s*[-+]?[0-9]{1,20}\s*$/.test(text));
        assert.equal(fire([name], [text]).words[0], wrapped(truncated(Number(text)), bits, signed));
      }),
    );
  });

  test('a scaled bigint is multiplied exactly', () => {
    fc.assert(
      fc.property(
        integer,
        anyBigint,
        fc.integer({ min: 2, max: 10 ** 15 - 1 }),
        ([name, bits, signed], value, factor) => {
          const { words } = fire([`${name}*${factor}` as CTypeName], [value]);
          assert.equal(words[0], wrapped(value * BigInt(factor), bits, signed));
        },
      ),
    );
  });

  test('a scaled number is multiplied and rounded to the nearest', () => {
    const thousandths = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
    fc.assert(
      fc.property(thousandths, (count) => {
        const { words } = fire(['int64_t*1000'], [count / 1000]);
        assert.equal(BigInt.asIntN(64, words[0]!), BigInt(count));
      }),
    );
  });
});

test('doubles keep every bit', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      assert.equal(fire(['double'], [value]).words[0], doubleBits(value));
      assert.equal(fire(['float'], [value]).words[0], doubleBits(value));
    }),
  );
});

describe('strings', () => {
  test('are UTF-8 up to the limit or a NUL, whole characters, and end with a NUL', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 16, max: 200 }), (text, limit) => {
        const shot = fire(['char *'], [text], limit);
        assert.deepEqual(shot.cstring(0), cText(text, limit));
      }),
      { numRuns: 1000 },
    );
  });

  test('side by side do not touch each other', () => {
    const texts = fc.array(anyText, { minLength: 1, maxLength: 32 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 16, max: 200 }), (values, limit) => {
        const types = values.map((): CTypeName => 'char *');
        const shot = fire(types, values, limit);
        for (const [slot, value] of values.entries())
          assert.deepEqual(shot.cstring(slot), cText(value, limit));
      }),
    );
  });

  test('JSON that was not cut is parsed back', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(Buffer.byteLength(text) < 32_768);
        assert.deepEqual(JSON.parse(fire(['json'], [value], 32_768).text(0)), JSON.parse(text));
      }),
    );
  });
});

test('bytes are those of the view, up to the limit', () => {
  const cases = fc.tuple(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(300),
    fc.nat(300),
    fc.integer({ min: 16, max: 200 }),
  );
  fc.assert(
    fc.property(cases, ([bytes, from, to, limit]) => {
      const view = bytes.subarray(from, to);
      const shot = fire(['void *', 'char *'], [view, 'next'], limit);
      const expected = view.subarray(0, limit);
      assert.deepEqual(Buffer.from(shot.bytes(0, expected.length)), Buffer.from(expected));
      assert.equal(shot.text(1), 'next');
    }),
  );
});

describe('never throws, and delivers once', () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    maxDepth: 2,
  });
  const call = fc.array(fc.tuple(anyType, anything), { maxLength: 10 });

  for (const view of [true, false]) {
    test(view ? 'whatever the values are' : 'whatever they are, without a view of the code', () => {
      const gallery = new Gallery({ view });
      fc.assert(
        fc.property(call, fc.nat(12), (pairs, count) => {
          const probe = gallery.probe(pairs.map(([type]) => type));
          const values = pairs.map(([, value]) => value).slice(0, count);
          gallery.shots.length = 0;
          probe.fire(...values);
          probe.fireLazy(() => values);
          assert.equal(gallery.shots.length, 2);
        }),
        { numRuns: 300 },
      );
    });
  }
});
