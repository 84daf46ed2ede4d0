/**
 * Byte order of the machine that this runs on, for memory that it shares with native code: the call block, and what kernels are
 * handed. Files have an order of their own (arch/arch.ts).
 */

export const HOST_IS_LITTLE: boolean = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** A word of 64 bits, seen as two of 32: which of them is the lower half, and how far from it the upper half lies. */
export const LOWER: number = HOST_IS_LITTLE ? 0 : 1;
export const UPPER: number = HOST_IS_LITTLE ? 1 : -1;
