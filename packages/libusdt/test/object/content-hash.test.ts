/** The hash of files' names, judged by the verification value that SMHasher has for MurmurHash3_x86_128. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CONTENT_HASH_SIZE, contentHash, murmur3 } from '../../src/object/content-hash.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('MurmurHash3_x86_128', () => {
  test('has the verification value of SMHasher: 0xb3ece62a', () => {
    // Of the keys [], [0], [0, 1], ... with the seeds 256, 255, ..., and then of all those hashes.
    // https://github.com/aappleby/smhasher/blob/master/src/KeysetTest.cpp (VerificationTest)
    const key = Uint8Array.from({ length: 256 }, (_, index) => index);
    const hashes = Uint8Array.from(
      Array.from({ length: 256 }, (_, length) => [...murmur3(key.subarray(0, length), 256 - length)]).flat(),
    );
    const hash = murmur3(hashes, 0);
    assert.equal(new DataView(hash.buffer).getUint32(0, true), 0xb3ece62a);
  });

  test('does not depend on where the bytes lie', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(15), (bytes, offset) => {
        const moved = new Uint8Array(bytes.length + offset);
        moved.set(bytes, offset);
        assert.equal(hex(contentHash(moved.subarray(offset))), hex(contentHash(bytes)));
      }),
    );
  });
});

describe('the hash that names files', () => {
  test('has 20 bytes, the last four of which are the length', () => {
    const hash = contentHash(new Uint8Array(0x1234));
    assert.equal(hash.length, CONTENT_HASH_SIZE);
    assert.equal(hex(hash.subarray(16)), '34120000');
  });

  test('is another for every single bit that is changed', () => {
    const bytes = Uint8Array.from({ length: 75 }, (_, index) => index * 7);
    const seen = new Set([hex(contentHash(bytes).subarray(0, 8))]);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(hex(contentHash(changed).subarray(0, 8)));
    }
    assert.equal(seen.size, 1 + 8 * bytes.length);
  });
});
