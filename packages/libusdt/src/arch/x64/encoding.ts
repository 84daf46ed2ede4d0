/**
 * x86-64 instruction encodings: one line per encoding, as the manual has it.
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2 (https://www.intel.com/sdm); section 2.1
 * for the layout, and each instruction's page for its opcode column, which the comments below repeat.
 *
 * An instruction is: [REX] opcode [ModRM [SIB] [displacement]] [immediate].
 *   REX    0100WRXB  W = 64-bit operands; R, X, B = fourth bit of ModRM.reg, SIB.index, ModRM.rm (or SIB.base)
 *   ModRM  mod(2) reg(3) rm(3)  mod 3 = register, 0 = memory, 1 = memory + disp8, 2 = memory + disp32
 *   SIB    scale(2) index(3) base(3)
 * with two exceptions: rm = 4 means "SIB follows", so a base of rsp or r12 needs one; mod 0 with rm = 5 means
 * rip + disp32, so a base of rbp or r13 always has a displacement.
 *
 * Operands are in the manual's order: destination first.
 */

import type { Label } from '../../asm/assembler.ts';
import type { CodeBuffer } from '../../asm/buffer.ts';
import { checkRange, INT32_MAX, INT32_MIN } from '../../asm/ranges.ts';
import { putBase, putIndexed, rel32 } from '../x86/operands.ts';

/** Register numbers, section 3.1.1.1 of the manual. */
export const REG = {
  rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7,
  r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15,
} as const; // biome-ignore format: a table

const RIP_RELATIVE = 5;

export const x64 = {
  call_m64: toMemory(0, [0xff], 2), //         CALL r/m64            FF /2
  call_rip: toRip(0, [0xff], 2), //            CALL r/m64            FF /2
  cmp_r64_r64: toRegister(1, [0x39]), //       CMP r/m64, r64        REX.W + 39 /r
  dec_r64: digitRegister(1, [0xff], 1), //     DEC r/m64             REX.W + FF /1
  je: toLabel([0x0f, 0x84]), //                JE rel32              0F 84 cd
  jmp: toLabel([0xe9]), //                     JMP rel32             E9 cd
  jne: toLabel([0x0f, 0x85]), //               JNE rel32             0F 85 cd
  lea_label: fromLabel(1, [0x8d]), //          LEA r64, m            REX.W + 8D /r
  lea_m: fromMemory(1, [0x8d]), //             LEA r64, m            REX.W + 8D /r
  lea_rip: fromRip(1, [0x8d]), //              LEA r64, m            REX.W + 8D /r
  mov_m64_r64: intoMemory(1, [0x89]), //       MOV r/m64, r64        REX.W + 89 /r
  mov_r64_imm32: immediate32(1, [0xc7], 0), // MOV r/m64, imm32      REX.W + C7 /0 id
  mov_r64_m64: fromMemory(1, [0x8b]), //       MOV r64, r/m64        REX.W + 8B /r
  mov_r64_r64: toRegister(1, [0x89]), //       MOV r/m64, r64        REX.W + 89 /r
  pop_r64: inOpcode(0x58), //                  POP r64               58+rd
  push_m64x8: toIndexed8(0, [0xff], 6), //     PUSH r/m64            FF /6
  push_r64: inOpcode(0x50), //                 PUSH r64              50+rd
  ret: fixed(0xc3), //                         RET                   C3
  sub_r64_imm8: immediate8(1, [0x83], 5), //   SUB r/m64, imm8       REX.W + 83 /5 ib
  test_al_imm8: immediateAl(0xa8), //          TEST AL, imm8         A8 ib
  test_r32_r32: toRegister(0, [0x85]), //      TEST r/m32, r32       85 /r
  test_r64_r64: toRegister(1, [0x85]), //      TEST r/m64, r64       REX.W + 85 /r
  xor_r32_r32: toRegister(0, [0x31]), //       XOR r/m32, r32        31 /r
} as const;

type Bit = 0 | 1;
type Opcode = readonly number[];

/** The opcode is the whole instruction. */
function fixed(opcode: number) {
  return (b: CodeBuffer): void => b.put8(opcode);
}

/** The register's number is part of the opcode. */
function inOpcode(opcode: number) {
  return (b: CodeBuffer, register: number): void => {
    checkRegister(register);
    putOpcode(b, 0, [opcode | (register & 7)], 0, 0, register);
  };
}

/** Two registers, the destination in ModRM.rm. */
function toRegister(w: Bit, opcode: Opcode) {
  return (b: CodeBuffer, to: number, from: number): void => putRegisters(b, w, opcode, from, to);
}

/** One register; ModRM.reg extends the opcode. */
function digitRegister(w: Bit, opcode: Opcode, digit: number) {
  return (b: CodeBuffer, register: number): void => putRegisters(b, w, opcode, digit, register);
}

function immediate8(w: Bit, opcode: Opcode, digit: number) {
  return (b: CodeBuffer, register: number, value: number): void => {
    checkRange('imm8', value, -0x80, 0x7f);
    putRegisters(b, w, opcode, digit, register);
    b.put8(value);
  };
}

function immediate32(w: Bit, opcode: Opcode, digit: number) {
  return (b: CodeBuffer, register: number, value: number): void => {
    checkRange('imm32', value, INT32_MIN, INT32_MAX);
    putRegisters(b, w, opcode, digit, register);
    b.put32(value);
  };
}

function immediateAl(opcode: number) {
  return (b: CodeBuffer, value: number): void => {
    checkRange('imm8', value, 0, 0xff);
    b.put8(opcode);
    b.put8(value);
  };
}

/** `[base + displacement]`; ModRM.reg extends the opcode. */
function toMemory(w: Bit, opcode: Opcode, digit: number) {
  return (b: CodeBuffer, base: number, displacement: number): void =>
    putMemory(b, w, opcode, digit, base, displacement);
}

function fromMemory(w: Bit, opcode: Opcode) {
  return (b: CodeBuffer, to: number, base: number, displacement: number): void =>
    putMemory(b, w, opcode, to, base, displacement);
}

function intoMemory(w: Bit, opcode: Opcode) {
  return (b: CodeBuffer, base: number, displacement: number, from: number): void =>
    putMemory(b, w, opcode, from, base, displacement);
}

/** `[base + index * 8 + displacement]`; ModRM.reg extends the opcode. */
function toIndexed8(w: Bit, opcode: Opcode, digit: number) {
  return (b: CodeBuffer, base: number, index: number, displacement: number): void => {
    checkRegister(base);
    checkRegister(index);
    if (index === REG.rsp) throw new RangeError('rsp cannot be an index');
    putOpcode(b, w, opcode, digit, index, base);
    putIndexed(b, digit, base, 8, index, displacement);
  };
}

/** `[rip + displacement]`, counted from the end of the instruction; ModRM.reg extends the opcode. */
function toRip(w: Bit, opcode: Opcode, digit: number) {
  return (b: CodeBuffer, displacement: number): void => putRip(b, w, opcode, digit, displacement);
}

function fromRip(w: Bit, opcode: Opcode) {
  return (b: CodeBuffer, to: number, displacement: number): void => putRip(b, w, opcode, to, displacement);
}

/** `[rip + distance to the label]`. */
function fromLabel(w: Bit, opcode: Opcode) {
  return (b: CodeBuffer, to: number, label: Label): void => {
    checkRegister(to);
    putOpcode(b, w, opcode, to, 0, 0);
    b.put8(((to & 7) << 3) | RIP_RELATIVE);
    b.putReference(label, rel32);
  };
}

/** Branch by a rel32. */
function toLabel(opcode: Opcode) {
  return (b: CodeBuffer, label: Label): void => {
    b.putBytes(opcode);
    b.putReference(label, rel32);
  };
}

function putOpcode(b: CodeBuffer, w: Bit, opcode: Opcode, reg: number, index: number, rm: number): void {
  const rex = (w << 3) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3);
  if (rex !== 0) b.put8(0x40 | rex);
  b.putBytes(opcode);
}

function putRegisters(b: CodeBuffer, w: Bit, opcode: Opcode, reg: number, rm: number): void {
  checkRegister(reg);
  checkRegister(rm);
  putOpcode(b, w, opcode, reg, 0, rm);
  b.put8(0xc0 | ((reg & 7) << 3) | (rm & 7));
}

function putMemory(
  b: CodeBuffer,
  w: Bit,
  opcode: Opcode,
  reg: number,
  base: number,
  displacement: number,
): void {
  checkRegister(reg);
  checkRegister(base);
  checkRange('disp32', displacement, INT32_MIN, INT32_MAX);
  putOpcode(b, w, opcode, reg, 0, base);
  putBase(b, reg, base, displacement);
}

function putRip(b: CodeBuffer, w: Bit, opcode: Opcode, reg: number, displacement: number): void {
  checkRegister(reg);
  checkRange('disp32', displacement, INT32_MIN, INT32_MAX);
  putOpcode(b, w, opcode, reg, 0, 0);
  b.put8(((reg & 7) << 3) | RIP_RELATIVE);
  b.put32(displacement);
}

function checkRegister(register: number): void {
  checkRange('register', register, 0, 15);
}
