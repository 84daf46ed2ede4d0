/**
 * Memory operands and branch distances, which x86-64 and i386 encode alike (Intel 64 and IA-32 Architectures Software
 * Developer's Manual, volume 2, section 2.1: https://www.intel.com/sdm). The fourth bits of register numbers are
 * in x86-64's REX prefix: only the low three are written here.
 */

import type { CodeBuffer } from '../../asm/buffer.ts';
import { checkRange, INT32_MAX, INT32_MIN } from '../../asm/ranges.ts';

/** ModRM.rm and SIB.base of the stack pointer, which say something else. */
const SIB_FOLLOWS = 4;
const NO_INDEX = 4;
/** ModRM.rm and SIB.base of the frame pointer: without a displacement they say something else, too. */
const DISPLACEMENT_FOLLOWS = 5;

/** `[base + displacement]`, the displacement as short as can be. */
export function putBase(b: CodeBuffer, reg: number, base: number, displacement: number): void {
  const rm = base & 7;
  putModRm(b, reg, rm, rm === SIB_FOLLOWS ? (NO_INDEX << 3) | rm : undefined, displacement);
}

/** `[base + index * scale + displacement]`. */
export function putIndexed(
  b: CodeBuffer,
  reg: number,
  base: number,
  scale: 1 | 2 | 4 | 8,
  index: number,
  displacement: number,
): void {
  const sib = (Math.log2(scale) << 6) | ((index & 7) << 3) | (base & 7);
  putModRm(b, reg, SIB_FOLLOWS, sib, displacement);
}

function putModRm(
  b: CodeBuffer,
  reg: number,
  rm: number,
  sib: number | undefined,
  displacement: number,
): void {
  checkRange('disp32', displacement, INT32_MIN, INT32_MAX);
  const base = (sib ?? rm) & 7;
  const needed = displacement !== 0 || base === DISPLACEMENT_FOLLOWS;
  const short = displacement >= -0x80 && displacement <= 0x7f;
  const mod = !needed ? 0 : short ? 1 : 2;
  b.put8((mod << 6) | ((reg & 7) << 3) | rm);
  if (sib !== undefined) b.put8(sib);
  if (mod === 1) b.put8(displacement);
  else if (mod === 2) b.put32(displacement);
}

/** A rel32 is counted from its own end, which is the end of the instruction. */
export function rel32(distance: number): number {
  return checkRange('rel32', distance - 4, INT32_MIN, INT32_MAX);
}
