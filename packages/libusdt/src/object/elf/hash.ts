/**
 * The SysV symbol hash table (`DT_HASH`), which every dynamic loader understands.
 * https://gabi.xinuos.com/elf/08-dynamic.html#hash-table
 */

import { cStringLength, writeCString } from '../bytes.ts';

/** The hash of a symbol name's UTF-8 bytes, as 32 unsigned bits. */
export function sysvHash(name: string): number {
  const bytes = new Uint8Array(cStringLength(name) + 1);
  writeCString(bytes, 0, name);
  let hash = 0;
  for (let i = 0; i < bytes.length - 1; i++) {
    hash = (hash << 4) + bytes[i]!;
    const top = hash & 0xf0000000;
    hash = (hash ^ (top >>> 24)) & ~top;
  }
  return hash >>> 0;
}

/** Words of a table for `symbolCount` symbols, the null symbol included. */
export function hashTableWords(symbolCount: number): number {
  return 2 + bucketCount(symbolCount) + symbolCount;
}

/** The table's 32-bit words. `names[i]` is the name of dynamic symbol `i + 1`. */
export function hashTable(names: readonly string[]): Uint32Array {
  const symbolCount = names.length + 1;
  const buckets = bucketCount(symbolCount);
  const words = new Uint32Array(hashTableWords(symbolCount));
  words[0] = buckets;
  words[1] = symbolCount;
  // Backwards, so that a chain lists its symbols in the order of the symbol table.
  for (let symbol = symbolCount - 1; symbol > 0; symbol--) {
    const bucket = 2 + (sysvHash(names[symbol - 1]!) % buckets);
    words[2 + buckets + symbol] = words[bucket]!;
    words[bucket] = symbol;
  }
  return words;
}

/** About one symbol per bucket; odd, so that the low bits of similar names do not collide in step. */
function bucketCount(symbolCount: number): number {
  return symbolCount <= 2 ? 1 : (symbolCount - 1) | 1;
}
