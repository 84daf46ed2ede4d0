/**
 * What operands may be: every check that all architectures make of what they are given.
 */

import type { Register } from './assembler.ts';

/**
 * How many bytes of padding make `(position + offset) % alignment` zero.
 * @throws RangeError when `alignment` is not a power of two, or `offset` not an integer of at least 0.
 */
export function paddingTo(position: number, alignment: number, offset: number): number {
  checkRange('alignment', alignment, 1, 1 << 30);
  if ((alignment & (alignment - 1)) !== 0)
    throw new RangeError(`alignment: ${alignment} is not a power of two`);
  checkRange('alignment offset', offset, 0, 1 << 30);
  const over = (position + offset) % alignment;
  return over === 0 ? 0 : alignment - over;
}

/**
 * The value, if it is an integer within `low..high` and a multiple of `step`.
 * @throws RangeError naming the value and the rule.
 */
export function checkRange(what: string, value: number, low: number, high: number, step = 1): number {
  if (!Number.isInteger(value) || value < low || value > high || value % step !== 0) {
    const multiple = step === 1 ? '' : `, a multiple of ${step}`;
    throw new RangeError(`${what}: ${value} is not an integer within ${low}..${high}${multiple}`);
  }
  return value;
}

/** An argument count that makes sense in any calling convention: one that fits a stack frame. */
export const MAX_ARGUMENT_WORDS = 1 << 16;

/** What `load` and `store` reach: a word within a page, at a multiple of 8. */
export function checkWord(displacement: number): number {
  return checkRange('displacement', displacement, 0, 4088, 8);
}

/** What `addImmediate` adds: 12 bits and a sign, as arm64 has it. */
export function checkAddend(value: number): number {
  return checkRange('addend', value, -4095, 4095);
}

/** A register that keeps its value while arguments are loaded and a call is made. */
export function checkSurvivor(register: Register): void {
  if (!SURVIVORS.has(register))
    throw new RangeError(`base of a call block: ${register} is not one of s0..s3`);
}

const SURVIVORS: ReadonlySet<Register> = new Set(['s0', 's1', 's2', 's3']);

export const INT32_MIN = -0x8000_0000;
export const INT32_MAX = 0x7fff_ffff;
