/**
 * Where the code of a file is: addresses, places in the file, and the bytes at tracepoints.
 */

import type { Need } from './sparse-file.ts';

/** Long enough for the longest tracepoint, a nop followed by a ten-byte nop. */
const CODE_BYTES = 12;

export interface CodeSpace {
  /** The place in the file of an address, by the executable segment that holds it. */
  offsetOf(address: bigint): bigint | undefined;
  /** The bytes there, up to 12. */
  codeAt(offset: bigint | undefined): Uint8Array;
}

/** @param bytes the file, or what has been read of it; `need` reads more. */
export function codeReader(bytes: Uint8Array, need: Need | undefined): CodeSpace['codeAt'] {
  return (offset) => {
    if (offset === undefined || offset >= BigInt(bytes.length)) return new Uint8Array(0);
    const start = Number(offset);
    need?.(start, CODE_BYTES);
    return bytes.slice(start, start + CODE_BYTES);
  };
}
