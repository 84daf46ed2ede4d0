/**
 * SHA-256, FIPS 180-4 (https://doi.org/10.6028/NIST.FIPS.180-4): names of content-addressed files and build ids.
 *
 * The runtimes have it too, but only after loading their whole cryptography, which takes Node five milliseconds: as
 * long as everything else that a program's first probe needs. The names below are the standard's.
 */

const BLOCK = 64;

const [H0, K] = constants();

/** The first 32 bits of the fractional parts of the square roots (H) and cube roots (K) of the first primes, section 4.2.2 and 5.3.3. */
function constants(): [Int32Array, Int32Array] {
  const h = new Int32Array(8);
  const k = new Int32Array(64);
  let found = 0;
  for (let candidate = 2; found < k.length; candidate++) {
    let prime = true;
    for (let divisor = 2; prime && divisor * divisor <= candidate; divisor++) {
      prime = candidate % divisor !== 0;
    }
    if (!prime) continue;
    if (found < h.length) h[found] = fraction(Math.sqrt(candidate));
    k[found++] = fraction(Math.cbrt(candidate));
  }
  return [h, k];
}

function fraction(root: number): number {
  return (root - Math.floor(root)) * 2 ** 32;
}

/** @returns 32 bytes: the hash of the parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const state = H0.slice();
  const block = new Uint8Array(BLOCK);
  let filled = 0;
  let length = 0;
  for (const part of parts) {
    length += part.length;
    for (let at = 0; at < part.length; ) {
      if (filled === 0 && part.length - at >= BLOCK) {
        compress(state, part, at);
        at += BLOCK;
        continue;
      }
      const count = Math.min(BLOCK - filled, part.length - at);
      block.set(part.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled === BLOCK) {
        compress(state, block, 0);
        filled = 0;
      }
    }
  }
  // 5.1.1: a one bit, zeros, and the length in bits as a 64-bit number.
  block[filled++] = 0x80;
  block.fill(0, filled);
  if (filled > BLOCK - 8) {
    compress(state, block, 0);
    block.fill(0);
  }
  const tail = new DataView(block.buffer);
  tail.setUint32(BLOCK - 8, Math.floor(length / 2 ** 29));
  tail.setUint32(BLOCK - 4, (length * 8) >>> 0);
  compress(state, block, 0);

  const hash = new Uint8Array(32);
  const words = new DataView(hash.buffer);
  for (const [index, word] of state.entries()) words.setInt32(index * 4, word);
  return hash;
}

const W = new Int32Array(64);

/** Section 6.2.2. */
function compress(state: Int32Array, bytes: Uint8Array, at: number): void {
  for (let t = 0; t < 16; t++) {
    const i = at + t * 4;
    W[t] = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
  }
  for (let t = 16; t < 64; t++) {
    const x = W[t - 15]!;
    const y = W[t - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[t] = (s1 + W[t - 7]! + s0 + W[t - 16]!) | 0;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let t = 0; t < 64; t++) {
    const S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const T1 = (h + S1 + ((e & f) ^ (~e & g)) + K[t]! + W[t]!) | 0;
    const S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const T2 = (S0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + T1) | 0;
    d = c;
    c = b;
    b = a;
    a = (T1 + T2) | 0;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
  state[5] = state[5]! + f;
  state[6] = state[6]! + g;
  state[7] = state[7]! + h;
}
