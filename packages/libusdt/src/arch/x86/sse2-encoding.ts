/**
 * SSE2 instruction encodings, one line each, for x86-64 and i386 alike: with registers 0 to 7 they need no REX, and are the
 * same bytes. Every processor with 64 bits has them, and V8 for i386 needs them too.
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2 (https://www.intel.com/sdm): each
 * instruction's page for its opcode column, which the comments below repeat.
 *
 * Operands are in the manual's order: destination first.
 */

import type { CodeBuffer } from '../../asm/buffer.ts';
import { checkRange } from '../../asm/ranges.ts';
import { putIndexed } from './operands.ts';

export const sse2 = {
  movd_r32_xmm: toGeneral([0x66, 0x0f, 0x7e]), //             MOVD r/m32, xmm       66 0F 7E /r
  movdqu_m128x2_xmm: intoIndexed([0xf3, 0x0f, 0x7f], 2), //   MOVDQU xmm2/m128, xmm1  F3 0F 7F /r
  movdqu_xmm_m128x2: fromIndexed([0xf3, 0x0f, 0x6f], 2), //   MOVDQU xmm1, xmm2/m128  F3 0F 6F /r
  movq_m64x1_xmm: intoIndexed([0x66, 0x0f, 0xd6], 1), //      MOVQ xmm2/m64, xmm1   66 0F D6 /r
  packuswb: fromVector([0x66, 0x0f, 0x67]), //                PACKUSWB xmm1, xmm2   66 0F 67 /r
  por: fromVector([0x66, 0x0f, 0xeb]), //                     POR xmm1, xmm2        66 0F EB /r
  psadbw: fromVector([0x66, 0x0f, 0xf6]), //                  PSADBW xmm1, xmm2     66 0F F6 /r
  psrlw_imm8: immediate8([0x66, 0x0f, 0x71], 2), //           PSRLW xmm1, imm8      66 0F 71 /2 ib
  pxor: fromVector([0x66, 0x0f, 0xef]), //                    PXOR xmm1, xmm2       66 0F EF /r
} as const;

type Opcode = readonly number[];

/** Two vector registers, the destination in ModRM.reg. */
function fromVector(opcode: Opcode) {
  return (b: CodeBuffer, to: number, from: number): void => putRegisters(b, opcode, to, from);
}

/** A general register in ModRM.rm, a vector register in ModRM.reg. */
function toGeneral(opcode: Opcode) {
  return (b: CodeBuffer, to: number, from: number): void => putRegisters(b, opcode, from, to);
}

/** ModRM.reg extends the opcode. */
function immediate8(opcode: Opcode, digit: number) {
  return (b: CodeBuffer, register: number, value: number): void => {
    putRegisters(b, opcode, digit, register);
    b.put8(checkRange('imm8', value, 0, 0xff));
  };
}

/** `[base + index * scale]`. */
function fromIndexed(opcode: Opcode, scale: 1 | 2) {
  return (b: CodeBuffer, to: number, base: number, index: number): void =>
    putMemory(b, opcode, to, base, scale, index);
}

function intoIndexed(opcode: Opcode, scale: 1 | 2) {
  return (b: CodeBuffer, base: number, index: number, from: number): void =>
    putMemory(b, opcode, from, base, scale, index);
}

function putRegisters(b: CodeBuffer, opcode: Opcode, reg: number, rm: number): void {
  b.putBytes(opcode);
  b.put8(0xc0 | (checkRegister(reg) << 3) | checkRegister(rm));
}

const NO_INDEX = 4;

function putMemory(
  b: CodeBuffer,
  opcode: Opcode,
  reg: number,
  base: number,
  scale: 1 | 2,
  index: number,
): void {
  for (const register of [reg, base, index]) checkRegister(register);
  if (index === NO_INDEX) throw new RangeError('esp cannot be an index');
  b.putBytes(opcode);
  putIndexed(b, reg, base, scale, index, 0);
}

function checkRegister(register: number): number {
  return checkRange('register', register, 0, 7);
}
