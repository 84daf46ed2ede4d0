/**
 * i386 instruction encodings: one line per encoding, as the manual has it.
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2 (https://www.intel.com/sdm); section 2.1
 * for the layout, and each instruction's page for its opcode column, which the comments below repeat.
 *
 * As in x64/encoding.ts, but without REX: there are eight registers, of 32 bits, and nothing is relative to the
 * instruction pointer but branches.
 *
 * Operands are in the manual's order: destination first.
 */

import type { Label } from '../../asm/assembler.ts';
import type { CodeBuffer } from '../../asm/buffer.ts';
import { checkRange, INT32_MAX, INT32_MIN } from '../../asm/ranges.ts';
import { putBase, putIndexed, rel32 } from '../x86/operands.ts';

/** Register numbers, section 3.1.1.1 of the manual. */
export const REG32 = { eax: 0, ecx: 1, edx: 2, ebx: 3, esp: 4, ebp: 5, esi: 6, edi: 7 } as const;

export const i386 = {
  add_r32_imm32: immediate32([0x81], 0), //      ADD r/m32, imm32      81 /0 id
  add_r32_label: fromLabel([0x81], 0), //        ADD r/m32, imm32      81 /0 id
  and_r32_imm8: immediate8([0x83], 4), //        AND r/m32, imm8       83 /4 ib
  bt_r32_r32: toRegister([0x0f, 0xa3]), //       BT r/m32, r32         0F A3 /r
  call: toLabel([0xe8]), //                      CALL rel32            E8 cd
  call_m32: toMemory([0xff], 2), //              CALL r/m32            FF /2
  cmp_r32_m32: fromMemory([0x3b]), //            CMP r32, r/m32        3B /r
  cmp_r32_r32: toRegister([0x39]), //            CMP r/m32, r32        39 /r
  inc_r32: inOpcode(0x40), //                    INC r32               40+rd
  jae: toLabel([0x0f, 0x83]), //                 JAE rel32 (carry 0)   0F 83 cd
  jmp: toLabel([0xe9]), //                       JMP rel32             E9 cd
  jne: toLabel([0x0f, 0x85]), //                 JNE rel32             0F 85 cd
  lea_m: fromMemory([0x8d]), //                  LEA r32, m            8D /r
  mov_m32_imm32: intoMemoryImmediate([0xc7]), // MOV r/m32, imm32      C7 /0 id
  mov_m32_r32: intoMemory([0x89]), //            MOV r/m32, r32        89 /r
  mov_m32x4_r32: intoIndexed([0x89], 4), //      MOV r/m32, r32        89 /r
  mov_r32_imm32: inOpcodeImmediate32(0xb8), //   MOV r32, imm32        B8+rd id
  mov_r32_m32: fromMemory([0x8b]), //            MOV r32, r/m32        8B /r
  mov_r32_m32x8: fromIndexed([0x8b], 8), //      MOV r32, r/m32        8B /r
  mov_r32_r32: toRegister([0x89]), //            MOV r/m32, r32        89 /r
  pop_r32: inOpcode(0x58), //                    POP r32               58+rd
  push_r32: inOpcode(0x50), //                   PUSH r32              50+rd
  ret: fixed(0xc3), //                           RET                   C3
  shl_r32_imm8: immediate8([0xc1], 4), //        SHL r/m32, imm8       C1 /4 ib
  sub_r32_imm8: immediate8([0x83], 5), //        SUB r/m32, imm8       83 /5 ib
  sub_r32_r32: toRegister([0x29]), //            SUB r/m32, r32        29 /r
  test_r32_r32: toRegister([0x85]), //           TEST r/m32, r32       85 /r
  xchg_m32_r32: intoMemory([0x87]), //           XCHG r/m32, r32       87 /r
  xor_r32_r32: toRegister([0x31]), //            XOR r/m32, r32        31 /r
} as const;

type Opcode = readonly number[];

/** The opcode is the whole instruction. */
function fixed(opcode: number) {
  return (b: CodeBuffer): void => b.put8(opcode);
}

/** The register's number is part of the opcode. */
function inOpcode(opcode: number) {
  return (b: CodeBuffer, register: number): void => b.put8(opcode | checkRegister(register));
}

function inOpcodeImmediate32(opcode: number) {
  return (b: CodeBuffer, register: number, value: number): void => {
    b.put8(opcode | checkRegister(register));
    putImmediate32(b, value);
  };
}

/** Two registers, the destination in ModRM.rm. */
function toRegister(opcode: Opcode) {
  return (b: CodeBuffer, to: number, from: number): void => putRegisters(b, opcode, from, to);
}

/** ModRM.reg extends the opcode. */
function immediate8(opcode: Opcode, digit: number) {
  return (b: CodeBuffer, register: number, value: number): void => {
    checkRange('imm8', value, -0x80, 0x7f);
    putRegisters(b, opcode, digit, register);
    b.put8(value);
  };
}

function immediate32(opcode: Opcode, digit: number) {
  return (b: CodeBuffer, register: number, value: number): void => {
    putRegisters(b, opcode, digit, register);
    putImmediate32(b, value);
  };
}

/** `[base + displacement]`; ModRM.reg extends the opcode. */
function toMemory(opcode: Opcode, digit: number) {
  return (b: CodeBuffer, base: number, displacement: number): void =>
    putMemory(b, opcode, digit, base, displacement);
}

function fromMemory(opcode: Opcode) {
  return (b: CodeBuffer, to: number, base: number, displacement: number): void =>
    putMemory(b, opcode, to, base, displacement);
}

function intoMemory(opcode: Opcode) {
  return (b: CodeBuffer, base: number, displacement: number, from: number): void =>
    putMemory(b, opcode, from, base, displacement);
}

function intoMemoryImmediate(opcode: Opcode) {
  return (b: CodeBuffer, base: number, displacement: number, value: number): void => {
    putMemory(b, opcode, 0, base, displacement);
    putImmediate32(b, value);
  };
}

/** `[base + index * scale + displacement]`. */
function fromIndexed(opcode: Opcode, scale: 4 | 8) {
  return (b: CodeBuffer, to: number, base: number, index: number, displacement: number): void =>
    putIndexedMemory(b, opcode, to, base, scale, index, displacement);
}

function intoIndexed(opcode: Opcode, scale: 4 | 8) {
  return (b: CodeBuffer, base: number, index: number, displacement: number, from: number): void =>
    putIndexedMemory(b, opcode, from, base, scale, index, displacement);
}

/** Branch by a rel32. */
function toLabel(opcode: Opcode) {
  return (b: CodeBuffer, label: Label): void => {
    b.putBytes(opcode);
    b.putReference(label, rel32);
  };
}

/** The immediate is the distance to the label from the place `from` in the code; ModRM.reg extends the opcode. */
function fromLabel(opcode: Opcode, digit: number) {
  return (b: CodeBuffer, register: number, label: Label, from: number): void => {
    putRegisters(b, opcode, digit, register);
    const at = b.length;
    b.putReference(label, (distance) => checkRange('imm32', at + distance - from, INT32_MIN, INT32_MAX));
  };
}

function putRegisters(b: CodeBuffer, opcode: Opcode, reg: number, rm: number): void {
  checkRegister(reg);
  checkRegister(rm);
  b.putBytes(opcode);
  b.put8(0xc0 | (reg << 3) | rm);
}

function putMemory(b: CodeBuffer, opcode: Opcode, reg: number, base: number, displacement: number): void {
  checkRegister(reg);
  checkRegister(base);
  b.putBytes(opcode);
  putBase(b, reg, base, displacement);
}

function putIndexedMemory(
  b: CodeBuffer,
  opcode: Opcode,
  reg: number,
  base: number,
  scale: 4 | 8,
  index: number,
  displacement: number,
): void {
  for (const register of [reg, base, index]) checkRegister(register);
  if (index === REG32.esp) throw new RangeError('esp cannot be an index');
  b.putBytes(opcode);
  putIndexed(b, reg, base, scale, index, displacement);
}

function putImmediate32(b: CodeBuffer, value: number): void {
  b.put32(checkRange('imm32', value, INT32_MIN, INT32_MAX));
}

function checkRegister(register: number): number {
  return checkRange('register', register, 0, 7);
}
