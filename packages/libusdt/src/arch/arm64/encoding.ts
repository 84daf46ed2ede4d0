/**
 * AArch64 instruction encodings: one line per encoding, each a function from operands to the 32-bit word.
 * Arm Architecture Reference Manual for A-profile, chapter C6 (https://developer.arm.com/documentation/ddi0487);
 * the comments repeat the assembler syntax. Operands are in that syntax's order: destination first, except that
 * stores name the stored register first.
 *
 * Register 31 is the stack pointer or the zero register, depending on the instruction: where it may be given, the
 * manual writes SP.
 */

import { checkRange } from '../../asm/ranges.ts';

/** Register numbers with a name of their own. */
export const FP = 29;
export const SP = 31;

export const arm64 = {
  // ADD <Xd|SP>, <Xn|SP>, #<imm>
  add_imm: (d: number, n: number, imm: number) => word(0x91000000, rd(d), rn(n), imm12(imm, 1)),
  // ADD <Xd>, <Xn>, <Xm>, LSL #1
  add_lsl1: (d: number, n: number, m: number) => word(0x8b000400, rd(d), rn(n), rm(m)),
  // ADR <Xd>, <label>
  adr: (d: number, distance: number) => word(0x10000000, rd(d), imm21(distance)),
  // B <label>
  b: (distance: number) => word(0x14000000, branch(distance, 26, 0)),
  // B.LS <label>
  b_ls: (distance: number) => word(0x54000009, branch(distance, 19, 5)),
  // B.NE <label>
  b_ne: (distance: number) => word(0x54000001, branch(distance, 19, 5)),
  // BLR <Xn>
  blr: (n: number) => word(0xd63f0000, rn(n)),
  // BRK #<imm>
  brk: (imm: number) => word(0xd4200000, imm16(imm)),
  // CBNZ <Wt>, <label>
  cbnz_w: (t: number, distance: number) => word(0x35000000, rd(t), branch(distance, 19, 5)),
  // CBZ <Xt>, <label>
  cbz: (t: number, distance: number) => word(0xb4000000, rd(t), branch(distance, 19, 5)),
  // CMP <Xn>, <Xm>
  cmp: (n: number, m: number) => word(0xeb00001f, rn(n), rm(m)),
  // FMOV <Wd>, <Sn>
  fmov_w: (d: number, n: number) => word(0x1e260000, rd(d), rn(n)),
  // LDP <Xt1>, <Xt2>, [<Xn|SP>, #<imm>]
  ldp: (t: number, t2: number, n: number, imm: number) => word(0xa9400000, rd(t), rt2(t2), rn(n), imm7(imm)),
  // LDP <Xt1>, <Xt2>, [<Xn|SP>], #<imm>
  ldp_post: (t: number, t2: number, n: number, imm: number) =>
    word(0xa8c00000, rd(t), rt2(t2), rn(n), imm7(imm)),
  // LDR <Xt>, [<Xn|SP>, #<pimm>]
  ldr: (t: number, n: number, imm: number) => word(0xf9400000, rd(t), rn(n), imm12(imm, 8)),
  // LDR <Xt>, [<Xn|SP>, <Xm>, LSL #3]
  ldr_reg8: (t: number, n: number, m: number) => word(0xf8607800, rd(t), rn(n), rm(m)),
  // LDR <Qt>, [<Xn|SP>], #<simm>
  ldr_q_post: (t: number, n: number, imm: number) => word(0x3cc00400, rd(t), rn(n), imm9(imm)),
  // LSR <Xd>, <Xn>, #<shift>
  lsr_imm: (d: number, n: number, shift: number) => word(0xd340fc00, rd(d), rn(n), immr(shift)),
  // MOV <Xd>, <Xm>
  mov: (d: number, m: number) => word(0xaa0003e0, rd(d), rm(m)),
  // MOV <Xd|SP>, <Xn|SP>
  mov_sp: (d: number, n: number) => word(0x91000000, rd(d), rn(n)),
  // MOVK <Xd>, #<imm>, LSL #16
  movk16: (d: number, imm: number) => word(0xf2a00000, rd(d), imm16(imm)),
  // MOVI <Vd>.2D, #0
  movi_zero: (d: number) => word(0x6f00e400, rd(d)),
  // MOVN <Xd>, #<imm>
  movn: (d: number, imm: number) => word(0x92800000, rd(d), imm16(imm)),
  // MOVZ <Xd>, #<imm>
  movz: (d: number, imm: number) => word(0xd2800000, rd(d), imm16(imm)),
  // NOP
  nop: () => word(0xd503201f),
  // ORR <Vd>.16B, <Vn>.16B, <Vm>.16B (of two different registers)
  orr_16b: (d: number, n: number, m: number) => word(0x4ea01c00, rd(d), rn(n), rm(m)),
  // RET
  ret: () => word(0xd65f03c0),
  // STP <Xt1>, <Xt2>, [<Xn|SP>, #<imm>]
  stp: (t: number, t2: number, n: number, imm: number) => word(0xa9000000, rd(t), rt2(t2), rn(n), imm7(imm)),
  // STP <Xt1>, <Xt2>, [<Xn|SP>, #<imm>]!
  stp_pre: (t: number, t2: number, n: number, imm: number) =>
    word(0xa9800000, rd(t), rt2(t2), rn(n), imm7(imm)),
  // STR <Xt>, [<Xn|SP>, #<pimm>]
  str: (t: number, n: number, imm: number) => word(0xf9000000, rd(t), rn(n), imm12(imm, 8)),
  // STR <Dt>, [<Xn|SP>], #<simm>
  str_d_post: (t: number, n: number, imm: number) => word(0xfc000400, rd(t), rn(n), imm9(imm)),
  // STR <Qt>, [<Xn|SP>, #<pimm>]
  str_q: (t: number, n: number, imm: number) => word(0x3d800000, rd(t), rn(n), imm12(imm, 16)),
  // STR <Xt>, [<Xn|SP>, <Xm>, LSL #3]
  str_reg8: (t: number, n: number, m: number) => word(0xf8207800, rd(t), rn(n), rm(m)),
  // SUB <Xd|SP>, <Xn|SP>, <Xm>, UXTX #<amount>
  sub_ext: (d: number, n: number, m: number, amount: number) =>
    word(0xcb206000, rd(d), rn(n), rm(m), imm3(amount)),
  // SUB <Xd|SP>, <Xn|SP>, #<imm>
  sub_imm: (d: number, n: number, imm: number) => word(0xd1000000, rd(d), rn(n), imm12(imm, 1)),
  // UMAXV <Hd>, <Vn>.8H
  umaxv_8h: (d: number, n: number) => word(0x6e70a800, rd(d), rn(n)),
  // XTN <Vd>.8B, <Vn>.8H
  xtn_8b: (d: number, n: number) => word(0x0e212800, rd(d), rn(n)),
} as const;

function word(opcode: number, ...fields: readonly number[]): number {
  return fields.reduce((bits, field) => bits | field, opcode) >>> 0;
}

function register(number: number): number {
  return checkRange('register', number, 0, 31);
}

const rd = register;
const rn = (number: number): number => register(number) << 5;
const rt2 = (number: number): number => register(number) << 10;
const rm = (number: number): number => register(number) << 16;

const imm3 = (amount: number): number => checkRange('shift amount', amount, 0, 4) << 10;
/** A signed multiple of 8, as in load and store pair. */
const imm7 = (offset: number): number => ((checkRange('pair offset', offset, -512, 504, 8) / 8) & 0x7f) << 15;
/** A signed number of bytes, by which the base changes. */
const imm9 = (offset: number): number => (checkRange('post-index', offset, -256, 255) & 0x1ff) << 12;
/** An unsigned multiple of the access size. */
const imm12 = (value: number, scale: number): number =>
  (checkRange('imm12', value, 0, 4095 * scale, scale) / scale) << 10;
const imm16 = (value: number): number => checkRange('imm16', value, 0, 0xffff) << 5;
const immr = (shift: number): number => checkRange('shift', shift, 0, 63) << 16;

/** ADR's distance in bytes: the low two bits lie apart. */
function imm21(distance: number): number {
  checkRange('adr distance', distance, -(1 << 20), (1 << 20) - 1);
  return ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5);
}

/** A distance in words of 4 bytes, `bits` wide, at bit `position`. */
function branch(distance: number, bits: number, position: number): number {
  const reach = 2 ** (bits + 1);
  checkRange('branch distance', distance, -reach, reach - 4, 4);
  return ((distance / 4) & (2 ** bits - 1)) << position;
}
