/** Text of other people's files: the bytes of a name are never lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeText } from '../../src/object/bytes.ts';

const bytesOf = (...bytes: readonly number[]) => Uint8Array.from(bytes);

/** As Python's os.fsencode (PEP 383). */
function encode(text: string): Uint8Array {
  return Buffer.concat(
    Array.from(text, (character) => {
      const point = character.codePointAt(0)!;
      return point >= 0xdc80 && point <= 0xdcff ? bytesOf(point - 0xdc00) : Buffer.from(character);
    }),
  );
}

test('what is UTF-8 is read as it is, a mark at the beginning and U+FFFD too', () => {
  for (const text of ['', 'probe', 'päge', '\ufeffprobe', 'a\ufffdb', '👩‍🚀', '\u{10ffff}'])
    assert.equal(decodeText(Buffer.from(text)), text);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(decodeText(Buffer.from(text)), text)),
  );
});

test('a byte that is not UTF-8 is a lone surrogate', () => {
  assert.equal(decodeText(bytesOf(0x61, 0xff, 0x62)), 'a\udcffb');
  assert.equal(decodeText(bytesOf(0xe2, 0x82)), '\udce2\udc82', 'a character that is cut');
  assert.equal(decodeText(bytesOf(0xc0, 0x80)), '\udcc0\udc80', 'longer than necessary');
  assert.equal(decodeText(bytesOf(0xed, 0xa0, 0x80)), '\udced\udca0\udc80', 'a surrogate');
  assert.equal(decodeText(bytesOf(0xf4, 0x90, 0x80, 0x80)), '\udcf4\udc90\udc80\udc80', 'beyond U+10FFFF');
  assert.equal(decodeText(bytesOf(0xef, 0xbf, 0xbd, 0xff)), '\ufffd\udcff');
});

test('different bytes are different texts', () => {
  const nearly = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.array(fc.constantFrom(0x61, 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xa0, 0xf0, 0x9f, 0xf4, 0x90, 0xff), {
      maxLength: 8,
    }),
  );
  fc.assert(
    fc.property(nearly, (bytes) => {
      assert.deepEqual([...encode(decodeText(Uint8Array.from(bytes)))], [...bytes]);
    }),
    { numRuns: 2000 },
  );
});
