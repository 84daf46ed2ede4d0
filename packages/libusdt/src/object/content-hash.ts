/**
 * The hash that names files by their content: MurmurHash3_x86_128 and the length.
 *
 * It is not a cryptographic hash, and need not be one: it makes the names of different files differ, and no file is
 * trusted for its name (publish.ts compares all bytes). SHA-256 took a third of the time that 100,000 probes take, and
 * a tenth of what the first one takes, where the code that hashes has not been compiled yet.
 * https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 */

const SEED = 0;
const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;
const BLOCK = 16;

/** As of a SHA-1: tools expect that of a build id. */
export const CONTENT_HASH_SIZE = BLOCK + 4;

/** @returns 20 bytes: the hash, and the length modulo 2^32; all words little-endian. */
export function contentHash(bytes: Uint8Array): Uint8Array {
  const hash = new Uint8Array(CONTENT_HASH_SIZE);
  hash.set(murmur3(bytes, SEED));
  new DataView(hash.buffer).setUint32(BLOCK, bytes.length, true);
  return hash;
}

/** MurmurHash3_x86_128: 16 bytes. */
export function murmur3(bytes: Uint8Array, seed: number): Uint8Array {
  const { length } = bytes;
  const whole = length - (length % BLOCK);
  const lanes = new Int32Array(4).fill(seed);
  mixBlocks(lanes, new DataView(bytes.buffer, bytes.byteOffset, whole));
  // What is left, with zeros behind it, which change nothing.
  const rest = new Uint8Array(BLOCK);
  rest.set(bytes.subarray(whole));
  const block = new DataView(rest.buffer);
  lanes[0]! ^= scramble(block.getInt32(0, true), C1, 15, C2) ^ length;
  lanes[1]! ^= scramble(block.getInt32(4, true), C2, 16, C3) ^ length;
  lanes[2]! ^= scramble(block.getInt32(8, true), C3, 17, C4) ^ length;
  lanes[3]! ^= scramble(block.getInt32(12, true), C4, 18, C1) ^ length;
  mixLanes(lanes);
  for (let lane = 0; lane < lanes.length; lane++) lanes[lane] = avalanche(lanes[lane]!);
  mixLanes(lanes);
  for (let lane = 0; lane < lanes.length; lane++) block.setInt32(4 * lane, lanes[lane]!, true);
  return rest;
}

/** A function of its own, and short: V8 takes megabytes to optimise a long one while it runs. */
function mixBlocks(lanes: Int32Array, view: DataView): void {
  let h1 = lanes[0]!;
  let h2 = lanes[1]!;
  let h3 = lanes[2]!;
  let h4 = lanes[3]!;
  for (let at = 0; at < view.byteLength; at += BLOCK) {
    h1 ^= scramble(view.getInt32(at, true), C1, 15, C2);
    h1 = add(Math.imul(add((h1 << 19) | (h1 >>> 13), h2), 5), 0x561ccd1b);
    h2 ^= scramble(view.getInt32(at + 4, true), C2, 16, C3);
    h2 = add(Math.imul(add((h2 << 17) | (h2 >>> 15), h3), 5), 0x0bcaa747);
    h3 ^= scramble(view.getInt32(at + 8, true), C3, 17, C4);
    h3 = add(Math.imul(add((h3 << 15) | (h3 >>> 17), h4), 5), 0x96cd1c35);
    h4 ^= scramble(view.getInt32(at + 12, true), C4, 18, C1);
    h4 = add(Math.imul(add((h4 << 13) | (h4 >>> 19), h1), 5), 0x32ac3b17);
  }
  lanes.set([h1, h2, h3, h4]);
}

/**
 * The sum's low 32 bits, in halves: a sum that needs more is an object of 16 bytes to a runtime that has not optimised this
 * code yet, and those were more memory than what was hashed.
 */
function add(a: number, b: number): number {
  const low = (a & 0xffff) + (b & 0xffff);
  return (((a >>> 16) + (b >>> 16) + (low >>> 16)) << 16) | (low & 0xffff);
}

function scramble(word: number, before: number, rotation: number, after: number): number {
  const product = Math.imul(word, before);
  return Math.imul((product << rotation) | (product >>> (32 - rotation)), after);
}

/** The first lane becomes the sum of all, and is then added to the others. */
function mixLanes(lanes: Int32Array): void {
  for (let lane = 1; lane < lanes.length; lane++) lanes[0]! += lanes[lane]!;
  for (let lane = 1; lane < lanes.length; lane++) lanes[lane]! += lanes[0]!;
}

function avalanche(lane: number): number {
  let h = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
