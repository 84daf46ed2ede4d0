/**
 * `narrowText` for x86-64 and i386: the same bytes, as all registers are among the first eight, and neither lengths nor
 * indices have more than 32 bits.
 */

import type { Label } from '../../asm/assembler.ts';
import type { CodeBuffer } from '../../asm/buffer.ts';
import { i386, REG32 } from '../i386/encoding.ts';
import { sse2 } from './sse2-encoding.ts';

/** Units of UTF-16 in a vector register. */
const STEP = 8;
/** Bits of a unit that ASCII uses. */
const ASCII_BITS = 7;
const [BLOCK, ALL] = [0, 1] as const;

/**
 * @param text the register with the address of the units.
 * @param length the one with their number.
 * @param wide where to go if a unit is above 0x7f.
 */
export function emitNarrowText(b: CodeBuffer, text: number, length: number, wide: Label): void {
  const { eax } = REG32;
  const next = b.label();
  sse2.pxor(b, ALL, ALL);
  sse2.movdqu_m128x2_xmm(b, text, length, ALL);
  i386.xor_r32_r32(b, eax, eax);
  b.bind(next);
  sse2.movdqu_xmm_m128x2(b, BLOCK, text, eax);
  sse2.por(b, ALL, BLOCK);
  sse2.packuswb(b, BLOCK, BLOCK);
  sse2.movq_m64x1_xmm(b, text, eax, BLOCK);
  i386.lea_m(b, eax, eax, STEP);
  i386.cmp_r32_r32(b, length, eax);
  i386.jae(b, next);
  // Is a bit set that no ASCII has? Shifted, every unit fits into a signed one, and the sum of all bytes is 0 or not.
  sse2.psrlw_imm8(b, ALL, ASCII_BITS);
  sse2.packuswb(b, ALL, ALL);
  sse2.pxor(b, BLOCK, BLOCK);
  sse2.psadbw(b, ALL, BLOCK);
  sse2.movd_r32_xmm(b, eax, ALL);
  i386.test_r32_r32(b, eax, eax);
  i386.jne(b, wide);
}
