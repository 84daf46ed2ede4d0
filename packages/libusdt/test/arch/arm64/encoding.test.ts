import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { without } from '../../../../../test/support/needs.ts';
import { arm64, FP, SP } from '../../../src/arch/arm64/encoding.ts';
import { disassemble, disassembler } from '../../asm/support.ts';

type Name = keyof typeof arm64;
type Encoder = (...operands: readonly number[]) => number;

// biome-ignore format: a table
const GOLDEN: readonly (readonly [name: Name, operands: readonly number[], word: string, text: string])[] = [
  ['add_imm', [0, 1, 0], '91000020', 'add x0, x1, #0x0'],
  ['add_imm', [0, FP, 4095], '913fffa0', 'add x0, x29, #0xfff'],
  ['add_imm', [SP, SP, 16], '910043ff', 'add sp, sp, #0x10'],
  ['add_lsl1', [9, 0, 1], '8b010409', 'add x9, x0, x1, lsl #1'],
  ['add_lsl1', [30, 19, 28], '8b1c067e', 'add x30, x19, x28, lsl #1'],
  ['adr', [0, 4], '10000020', 'adr x0, 0x4'],
  ['adr', [16, 3], '70000010', 'adr x16, 0x3'],
  ['adr', [30, -1], '70fffffe', 'adr x30, 0xffffffffffffffff'],
  ['adr', [19, 1048575], '707ffff3', 'adr x19, 0xfffff'],
  ['adr', [19, -1048576], '10800013', 'adr x19, 0xfffffffffff00000'],
  ['b', [0], '14000000', 'b 0x0'],
  ['b', [4], '14000001', 'b 0x4'],
  ['b', [-4], '17ffffff', 'b 0xfffffffffffffffc'],
  ['b', [134217724], '15ffffff', 'b 0x7fffffc'],
  ['b', [-134217728], '16000000', 'b 0xfffffffff8000000'],
  ['b_ls', [8], '54000049', 'b.ls 0x8'],
  ['b_ls', [-20], '54ffff69', 'b.ls 0xffffffffffffffec'],
  ['b_ne', [8], '54000041', 'b.ne 0x8'],
  ['b_ne', [-4], '54ffffe1', 'b.ne 0xfffffffffffffffc'],
  ['b_ne', [1048572], '547fffe1', 'b.ne 0xffffc'],
  ['b_ne', [-1048576], '54800001', 'b.ne 0xfffffffffff00000'],
  ['blr', [16], 'd63f0200', 'blr x16'],
  ['blr', [0], 'd63f0000', 'blr x0'],
  ['brk', [0], 'd4200000', 'brk #0x0'],
  ['brk', [65535], 'd43fffe0', 'brk #0xffff'],
  ['cbnz_w', [0, 8], '35000040', 'cbnz w0, 0x8'],
  ['cbnz_w', [22, -1048576], '35800016', 'cbnz w22, 0xfffffffffff00000'],
  ['cbnz_w', [30, 1048572], '357ffffe', 'cbnz w30, 0xffffc'],
  ['cbz', [9, 20], 'b40000a9', 'cbz x9, 0x14'],
  ['cbz', [0, -1048576], 'b4800000', 'cbz x0, 0xfffffffffff00000'],
  ['cbz', [30, 1048572], 'b47ffffe', 'cbz x30, 0xffffc'],
  ['cmp', [0, 1], 'eb01001f', 'cmp x0, x1'],
  ['cmp', [22, 30], 'eb1e02df', 'cmp x22, x30'],
  ['fmov_w', [9, 1], '1e260029', 'fmov w9, s1'],
  ['fmov_w', [30, 31], '1e2603fe', 'fmov w30, s31'],
  ['ldp', [19, 20, SP, 16], 'a94153f3', 'ldp x19, x20, [sp, #16]'],
  ['ldp', [0, 30, 1, -512], 'a9607820', 'ldp x0, x30, [x1, #-512]'],
  ['ldp', [21, 22, FP, 504], 'a95fdbb5', 'ldp x21, x22, [x29, #504]'],
  ['ldp_post', [FP, 30, SP, 112], 'a8c77bfd', 'ldp x29, x30, [sp], #112'],
  ['ldp_post', [1, 2, 3, -512], 'a8e00861', 'ldp x1, x2, [x3], #-512'],
  ['ldr', [0, SP, 0], 'f94003e0', 'ldr x0, [sp]'],
  ['ldr', [22, 19, 4088], 'f947fe76', 'ldr x22, [x19, #4088]'],
  ['ldr', [30, FP, 32760], 'f97fffbe', 'ldr x30, [x29, #32760]'],
  ['ldr_reg8', [11, 12, 9], 'f869798b', 'ldr x11, [x12, x9, lsl #3]'],
  ['ldr_reg8', [0, SP, 30], 'f87e7be0', 'ldr x0, [sp, x30, lsl #3]'],
  ['ldr_q_post', [0, 11, 16], '3cc10560', 'ldr q0, [x11], #16'],
  ['ldr_q_post', [31, SP, -256], '3cd007ff', 'ldr q31, [sp], #-256'],
  ['lsr_imm', [10, 10, 1], 'd341fd4a', 'lsr x10, x10, #1'],
  ['lsr_imm', [0, 30, 63], 'd37fffc0', 'lsr x0, x30, #63'],
  ['mov', [0, 1], 'aa0103e0', 'mov x0, x1'],
  ['mov', [22, 30], 'aa1e03f6', 'mov x22, x30'],
  ['mov_sp', [FP, SP], '910003fd', 'mov x29, sp'],
  ['mov_sp', [SP, FP], '910003bf', 'mov sp, x29'],
  ['movi_zero', [1], '6f00e401', 'movi v1.2d, #0x0'],
  ['movi_zero', [31], '6f00e41f', 'movi v31.2d, #0x0'],
  ['movk16', [0, 0], 'f2a00000', 'movk x0, #0x0, lsl #16'],
  ['movk16', [30, 65535], 'f2bffffe', 'movk x30, #0xffff, lsl #16'],
  ['movn', [0, 0], '92800000', 'mov x0, #0xffffffffffffffff'],
  ['movn', [22, 65535], '929ffff6', 'mov x22, #0xffffffffffff0000'],
  ['movz', [0, 0], 'd2800000', 'mov x0, #0x0'],
  ['movz', [30, 65535], 'd29ffffe', 'mov x30, #0xffff'],
  ['nop', [], 'd503201f', 'nop'],
  ['orr_16b', [1, 1, 0], '4ea01c21', 'orr v1.16b, v1.16b, v0.16b'],
  ['orr_16b', [31, 2, 16], '4eb01c5f', 'orr v31.16b, v2.16b, v16.16b'],
  ['ret', [], 'd65f03c0', 'ret'],
  ['stp', [19, 20, SP, 16], 'a90153f3', 'stp x19, x20, [sp, #16]'],
  ['stp', [0, 30, 1, -512], 'a9207820', 'stp x0, x30, [x1, #-512]'],
  ['stp', [21, 22, FP, 504], 'a91fdbb5', 'stp x21, x22, [x29, #504]'],
  ['stp_pre', [FP, 30, SP, -112], 'a9b97bfd', 'stp x29, x30, [sp, #-112]!'],
  ['stp_pre', [1, 2, 3, 504], 'a99f8861', 'stp x1, x2, [x3, #504]!'],
  ['str', [0, SP, 0], 'f90003e0', 'str x0, [sp]'],
  ['str', [22, 19, 4088], 'f907fe76', 'str x22, [x19, #4088]'],
  ['str', [30, FP, 32760], 'f93fffbe', 'str x30, [x29, #32760]'],
  ['str_d_post', [0, 10, 8], 'fc008540', 'str d0, [x10], #8'],
  ['str_d_post', [31, SP, -1], 'fc1ff7ff', 'str d31, [sp], #-1'],
  ['str_q', [1, 9, 0], '3d800121', 'str q1, [x9]'],
  ['str_q', [31, SP, 16], '3d8007ff', 'str q31, [sp, #16]'],
  ['str_reg8', [11, SP, 9], 'f8297beb', 'str x11, [sp, x9, lsl #3]'],
  ['str_reg8', [30, 0, 22], 'f836781e', 'str x30, [x0, x22, lsl #3]'],
  ['sub_ext', [SP, SP, 10, 4], 'cb2a73ff', 'sub sp, sp, x10, lsl #4'],
  ['sub_ext', [0, 1, 30, 0], 'cb3e6020', 'sub x0, x1, x30, uxtx'],
  ['sub_imm', [9, 9, 1], 'd1000529', 'sub x9, x9, #0x1'],
  ['sub_imm', [SP, SP, 4095], 'd13fffff', 'sub sp, sp, #0xfff'],
  ['umaxv_8h', [1, 1], '6e70a821', 'umaxv h1, v1.8h'],
  ['umaxv_8h', [31, 2], '6e70a85f', 'umaxv h31, v2.8h'],
  ['xtn_8b', [0, 0], '0e212800', 'xtn v0.8b, v0.8h'],
  ['xtn_8b', [31, 2], '0e21285f', 'xtn v31.8b, v2.8h'],
];

const encode = (name: Name, ...operands: readonly number[]): number => (arm64[name] as Encoder)(...operands);

const littleEndian = (word: number): Uint8Array => Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24);

describe('AArch64 encodings', () => {
  test('are all in the table', () => {
    assert.deepEqual([...new Set(GOLDEN.map(([name]) => name))].sort(), Object.keys(arm64).sort());
  });

  test('are the words of the table, which objdump reads as the table says', () => {
    for (const [name, operands, word, text] of GOLDEN) {
      assert.equal(
        encode(name, ...operands)
          .toString(16)
          .padStart(8, '0'),
        word,
        text,
      );
    }
    if (without(disassembler('arm64'))) return;
    const read = disassemble(
      'arm64',
      GOLDEN.map(([, , word]) => littleEndian(Number.parseInt(word, 16))),
    );
    assert.deepEqual(
      read,
      GOLDEN.map(([, , , text]) => [text]),
    );
  });

  /** For each operand that has a range: low, high, step; the other operands are valid. */
  const RANGES: readonly (readonly [Name, (value: number) => readonly number[], number, number, number])[] = [
    ['add_imm', (value) => [value, 1, 0], 0, 31, 1],
    ['add_imm', (value) => [0, value, 0], 0, 31, 1],
    ['add_imm', (value) => [0, 1, value], 0, 4095, 1],
    ['add_lsl1', (value) => [0, 1, value], 0, 31, 1],
    ['adr', (value) => [0, value], -(2 ** 20), 2 ** 20 - 1, 1],
    ['b', (value) => [value], -(2 ** 27), 2 ** 27 - 4, 4],
    ['b_ls', (value) => [value], -(2 ** 20), 2 ** 20 - 4, 4],
    ['b_ne', (value) => [value], -(2 ** 20), 2 ** 20 - 4, 4],
    ['blr', (value) => [value], 0, 31, 1],
    ['brk', (value) => [value], 0, 65535, 1],
    ['cbnz_w', (value) => [0, value], -(2 ** 20), 2 ** 20 - 4, 4],
    ['cbz', (value) => [0, value], -(2 ** 20), 2 ** 20 - 4, 4],
    ['cmp', (value) => [0, value], 0, 31, 1],
    ['ldp', (value) => [0, 1, 2, value], -512, 504, 8],
    ['ldp', (value) => [0, value, 2, 0], 0, 31, 1],
    ['ldp_post', (value) => [0, 1, 2, value], -512, 504, 8],
    ['ldr', (value) => [0, 1, value], 0, 32760, 8],
    ['ldr_q_post', (value) => [0, 1, value], -256, 255, 1],
    ['ldr_reg8', (value) => [0, 1, value], 0, 31, 1],
    ['lsr_imm', (value) => [0, 1, value], 0, 63, 1],
    ['movk16', (value) => [0, value], 0, 65535, 1],
    ['movn', (value) => [0, value], 0, 65535, 1],
    ['movz', (value) => [0, value], 0, 65535, 1],
    ['stp', (value) => [0, 1, 2, value], -512, 504, 8],
    ['stp_pre', (value) => [0, 1, 2, value], -512, 504, 8],
    ['str', (value) => [0, 1, value], 0, 32760, 8],
    ['str_d_post', (value) => [0, 1, value], -256, 255, 1],
    ['str_q', (value) => [0, 1, value], 0, 65520, 16],
    ['sub_ext', (value) => [0, 1, 2, value], 0, 4, 1],
    ['sub_imm', (value) => [0, 1, value], 0, 4095, 1],
  ];

  test('take every operand within its range: no two make the same word', () => {
    for (const [name, operands, low, high, step] of RANGES) {
      const value = fc.integer({ min: low / step, max: high / step }).map((count) => count * step);
      fc.assert(
        fc.property(value, value, (a, b) => {
          const [first, second] = [encode(name, ...operands(a)), encode(name, ...operands(b))];
          assert.equal(first === second, a === b, `${name} ${a} ${b}`);
          assert.ok(Number.isInteger(first) && first >= 0 && first <= 0xffff_ffff, name);
        }),
        { numRuns: 50 },
      );
    }
  });

  test('refuse operands out of their range, and between its steps', () => {
    for (const [name, operands, low, high, step] of RANGES) {
      const bad = fc.oneof(
        fc.integer({ min: high + 1, max: Number.MAX_SAFE_INTEGER }),
        fc.integer({ min: Number.MIN_SAFE_INTEGER, max: low - 1 }),
        fc
          .constantFrom(high + step, low - step, low + step / 2, low + 0.5, Number.NaN, Infinity)
          .filter((value) => value < low || value > high || value % step !== 0),
      );
      fc.assert(
        fc.property(bad, (value) => {
          assert.throws(() => encode(name, ...operands(value)), RangeError, `${name} ${value}`);
        }),
        { numRuns: 30 },
      );
    }
  });
});
