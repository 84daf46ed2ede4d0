import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { needs, without } from '../../../../../test/support/needs.ts';
import { REG, x64 } from '../../../src/arch/x64/encoding.ts';
import type { Label } from '../../../src/asm/assembler.ts';
import { CodeBuffer } from '../../../src/asm/buffer.ts';
import { disassemble, disassembler, hex } from '../../asm/support.ts';

const { rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15 } = REG;
/** A label that is bound already; the instruction itself is at 0. */
const to = (offset: number): Label => ({ offset });

type Operand = number | Label;
type Encoder = (b: CodeBuffer, ...operands: readonly Operand[]) => void;
type Name = keyof typeof x64;

// biome-ignore format: a table
const GOLDEN: readonly (readonly [name: Name, operands: readonly Operand[], bytes: string, text: string])[] = [
  ['call_m64', [rax, 0], 'ff 10', 'call QWORD PTR [rax]'],
  ['call_m64', [rbx, 8], 'ff 53 08', 'call QWORD PTR [rbx+0x8]'],
  ['call_m64', [rbp, 0], 'ff 55 00', 'call QWORD PTR [rbp+0x0]'],
  ['call_m64', [rsp, 0], 'ff 14 24', 'call QWORD PTR [rsp]'],
  ['call_m64', [r12, 127], '41 ff 54 24 7f', 'call QWORD PTR [r12+0x7f]'],
  ['call_m64', [r13, 0], '41 ff 55 00', 'call QWORD PTR [r13+0x0]'],
  ['call_m64', [r14, 128], '41 ff 96 80 00 00 00', 'call QWORD PTR [r14+0x80]'],
  ['call_rip', [0], 'ff 15 00 00 00 00', 'call QWORD PTR [rip+0x0]'],
  ['call_rip', [-0x80000000], 'ff 15 00 00 00 80', 'call QWORD PTR [rip+0xffffffff80000000]'],
  ['call_rip', [0x7fffffff], 'ff 15 ff ff ff 7f', 'call QWORD PTR [rip+0x7fffffff]'],
  ['cmp_r64_r64', [rax, rdi], '48 39 f8', 'cmp rax,rdi'],
  ['cmp_r64_r64', [r8, rsi], '49 39 f0', 'cmp r8,rsi'],
  ['cmp_r64_r64', [rcx, r15], '4c 39 f9', 'cmp rcx,r15'],
  ['dec_r64', [rax], '48 ff c8', 'dec rax'],
  ['dec_r64', [r11], '49 ff cb', 'dec r11'],
  ['je', [to(0x1234)], '0f 84 2e 12 00 00', 'je 0x1234'],
  ['je', [to(6)], '0f 84 00 00 00 00', 'je 0x6'],
  ['je', [to(0)], '0f 84 fa ff ff ff', 'je 0x0'],
  ['jmp', [to(0x1234)], 'e9 2f 12 00 00', 'jmp 0x1234'],
  ['jmp', [to(0)], 'e9 fb ff ff ff', 'jmp 0x0'],
  ['jne', [to(0x7fff0000)], '0f 85 fa ff fe 7f', 'jne 0x7fff0000'],
  ['jne', [to(0)], '0f 85 fa ff ff ff', 'jne 0x0'],
  ['lea_label', [rdi, to(0x1234)], '48 8d 3d 2d 12 00 00', 'lea rdi,[rip+0x122d]'],
  ['lea_label', [r14, to(0)], '4c 8d 35 f9 ff ff ff', 'lea r14,[rip+0xfffffffffffffff9]'],
  ['lea_m', [rax, rbp, -64], '48 8d 45 c0', 'lea rax,[rbp-0x40]'],
  ['lea_m', [rsp, rbp, -32], '48 8d 65 e0', 'lea rsp,[rbp-0x20]'],
  ['lea_m', [r9, rbp, -128], '4c 8d 4d 80', 'lea r9,[rbp-0x80]'],
  ['lea_m', [rdx, rbp, -129], '48 8d 95 7f ff ff ff', 'lea rdx,[rbp-0x81]'],
  ['lea_m', [rbx, rsp, 8], '48 8d 5c 24 08', 'lea rbx,[rsp+0x8]'],
  ['lea_rip', [rax, 0], '48 8d 05 00 00 00 00', 'lea rax,[rip+0x0]'],
  ['lea_rip', [r8, 0x10000], '4c 8d 05 00 00 01 00', 'lea r8,[rip+0x10000]'],
  ['lea_rip', [rdx, -1], '48 8d 15 ff ff ff ff', 'lea rdx,[rip+0xffffffffffffffff]'],
  ['mov_m64_r64', [rbx, 0, rax], '48 89 03', 'mov QWORD PTR [rbx],rax'],
  ['mov_m64_r64', [rbp, 0, rax], '48 89 45 00', 'mov QWORD PTR [rbp+0x0],rax'],
  ['mov_m64_r64', [rsp, 0, r15], '4c 89 3c 24', 'mov QWORD PTR [rsp],r15'],
  ['mov_m64_r64', [r12, 8, rdi], '49 89 7c 24 08', 'mov QWORD PTR [r12+0x8],rdi'],
  ['mov_m64_r64', [r13, 0, r14], '4d 89 75 00', 'mov QWORD PTR [r13+0x0],r14'],
  ['mov_m64_r64', [rdx, 4088, rcx], '48 89 8a f8 0f 00 00', 'mov QWORD PTR [rdx+0xff8],rcx'],
  ['mov_r64_imm32', [rax, 0], '48 c7 c0 00 00 00 00', 'mov rax,0x0'],
  ['mov_r64_imm32', [rsi, 1], '48 c7 c6 01 00 00 00', 'mov rsi,0x1'],
  ['mov_r64_imm32', [r13, -1], '49 c7 c5 ff ff ff ff', 'mov r13,0xffffffffffffffff'],
  ['mov_r64_imm32', [r9, 0x7fffffff], '49 c7 c1 ff ff ff 7f', 'mov r9,0x7fffffff'],
  ['mov_r64_imm32', [rbx, -0x80000000], '48 c7 c3 00 00 00 80', 'mov rbx,0xffffffff80000000'],
  ['mov_r64_m64', [rax, rbx, 0], '48 8b 03', 'mov rax,QWORD PTR [rbx]'],
  ['mov_r64_m64', [rax, rbx, 127], '48 8b 43 7f', 'mov rax,QWORD PTR [rbx+0x7f]'],
  ['mov_r64_m64', [rax, rbx, 128], '48 8b 83 80 00 00 00', 'mov rax,QWORD PTR [rbx+0x80]'],
  ['mov_r64_m64', [rax, rbx, -128], '48 8b 43 80', 'mov rax,QWORD PTR [rbx-0x80]'],
  ['mov_r64_m64', [rax, rbx, -129], '48 8b 83 7f ff ff ff', 'mov rax,QWORD PTR [rbx-0x81]'],
  ['mov_r64_m64', [rdi, r12, 0], '49 8b 3c 24', 'mov rdi,QWORD PTR [r12]'],
  ['mov_r64_m64', [r8, r13, 0], '4d 8b 45 00', 'mov r8,QWORD PTR [r13+0x0]'],
  ['mov_r64_m64', [r10, rsp, 0], '4c 8b 14 24', 'mov r10,QWORD PTR [rsp]'],
  ['mov_r64_m64', [r9, rbp, 0], '4c 8b 4d 00', 'mov r9,QWORD PTR [rbp+0x0]'],
  ['mov_r64_m64', [rcx, r11, 0x7fffffff], '49 8b 8b ff ff ff 7f', 'mov rcx,QWORD PTR [r11+0x7fffffff]'],
  ['mov_r64_r64', [rax, rax], '48 89 c0', 'mov rax,rax'],
  ['mov_r64_r64', [rbp, rsp], '48 89 e5', 'mov rbp,rsp'],
  ['mov_r64_r64', [rcx, rdx], '48 89 d1', 'mov rcx,rdx'],
  ['mov_r64_r64', [rsi, rdi], '48 89 fe', 'mov rsi,rdi'],
  ['mov_r64_r64', [r8, r9], '4d 89 c8', 'mov r8,r9'],
  ['mov_r64_r64', [r10, r11], '4d 89 da', 'mov r10,r11'],
  ['mov_r64_r64', [r12, r13], '4d 89 ec', 'mov r12,r13'],
  ['mov_r64_r64', [r14, r15], '4d 89 fe', 'mov r14,r15'],
  ['mov_r64_r64', [rbx, r12], '4c 89 e3', 'mov rbx,r12'],
  ['mov_r64_r64', [r12, rbx], '49 89 dc', 'mov r12,rbx'],
  ['pop_r64', [rbp], '5d', 'pop rbp'],
  ['pop_r64', [r11], '41 5b', 'pop r11'],
  ['push_m64x8', [rbx, rax, 0], 'ff 34 c3', 'push QWORD PTR [rbx+rax*8]'],
  ['push_m64x8', [rbp, rax, 0], 'ff 74 c5 00', 'push QWORD PTR [rbp+rax*8+0x0]'],
  ['push_m64x8', [r13, r14, 0], '43 ff 74 f5 00', 'push QWORD PTR [r13+r14*8+0x0]'],
  ['push_m64x8', [r12, rax, 56], '41 ff 74 c4 38', 'push QWORD PTR [r12+rax*8+0x38]'],
  ['push_m64x8', [r14, rcx, 4096], '41 ff b4 ce 00 10 00 00', 'push QWORD PTR [r14+rcx*8+0x1000]'],
  ['push_m64x8', [rsp, r12, -8], '42 ff 74 e4 f8', 'push QWORD PTR [rsp+r12*8-0x8]'],
  ['push_r64', [rbp], '55', 'push rbp'],
  ['push_r64', [r11], '41 53', 'push r11'],
  ['ret', [], 'c3', 'ret'],
  ['sub_r64_imm8', [rsp, 8], '48 83 ec 08', 'sub rsp,0x8'],
  ['sub_r64_imm8', [r12, 127], '49 83 ec 7f', 'sub r12,0x7f'],
  ['sub_r64_imm8', [rax, -128], '48 83 e8 80', 'sub rax,0xffffffffffffff80'],
  ['test_al_imm8', [1], 'a8 01', 'test al,0x1'],
  ['test_al_imm8', [255], 'a8 ff', 'test al,0xff'],
  ['test_r32_r32', [rax, rax], '85 c0', 'test eax,eax'],
  ['test_r32_r32', [r8, rdi], '41 85 f8', 'test r8d,edi'],
  ['test_r32_r32', [rbx, r14], '44 85 f3', 'test ebx,r14d'],
  ['test_r64_r64', [rax, rax], '48 85 c0', 'test rax,rax'],
  ['test_r64_r64', [r9, rbx], '49 85 d9', 'test r9,rbx'],
  ['xor_r32_r32', [rax, rax], '31 c0', 'xor eax,eax'],
  ['xor_r32_r32', [r9, r9], '45 31 c9', 'xor r9d,r9d'],
  ['xor_r32_r32', [rdi, r12], '44 31 e7', 'xor edi,r12d'],
];

function encode(name: Name, ...operands: readonly Operand[]): Uint8Array {
  const b = new CodeBuffer('lsb');
  (x64[name] as Encoder)(b, ...operands);
  return b.finish();
}

describe('x86-64 encodings', () => {
  test('are all in the table', () => {
    assert.deepEqual([...new Set(GOLDEN.map(([name]) => name))].sort(), Object.keys(x64).sort());
  });

  test('are the bytes of the table, which objdump reads as the table says', () => {
    for (const [name, operands, bytes, text] of GOLDEN) {
      assert.equal(hex(encode(name, ...operands)), bytes, text);
    }
    if (without(disassembler('x64'))) return;
    const read = disassemble(
      'x64',
      GOLDEN.map(([, , bytes]) => Uint8Array.from(bytes.split(' '), (byte) => Number.parseInt(byte, 16))),
    );
    assert.deepEqual(
      read,
      GOLDEN.map(([, , , text]) => [text]),
    );
  });

  test('name any register, as objdump reads it', needs(disassembler('x64')), () => {
    const names = Object.keys(REG) as (keyof typeof REG)[];
    const pairs = names.flatMap((to) => names.map((from) => [to, from] as const));
    const pieces = pairs.map(([to, from]) => {
      const b = new CodeBuffer('lsb');
      x64.mov_r64_r64(b, REG[to], REG[from]);
      x64.mov_r64_m64(b, REG[to], REG[from], 0);
      x64.mov_m64_r64(b, REG[to], 16, REG[from]);
      if (from !== 'rsp') x64.push_m64x8(b, REG[to], REG[from], 8);
      return b.finish();
    });
    // One file: the pairs follow each other.
    const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    const expected = pairs.flatMap(([to, from]) => [
      `mov ${to},${from}`,
      `mov ${to},QWORD PTR [${from}${from === 'rbp' || from === 'r13' ? '+0x0' : ''}]`,
      `mov QWORD PTR [${to}+0x10],${from}`,
      ...(from === 'rsp' ? [] : [`push QWORD PTR [${to}+${from}*8+0x8]`]),
    ]);
    assert.deepEqual(disassemble('x64', [whole]), [expected]);
  });

  const outside = (low: number, high: number) =>
    fc.oneof(
      fc.integer({ min: high + 1, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: Number.MIN_SAFE_INTEGER, max: low - 1 }),
      fc.constantFrom(Number.NaN, Infinity, low + 0.5),
    );

  test('refuse numbers that no operand can be', () => {
    const register = outside(0, 15);
    const int32 = outside(-0x8000_0000, 0x7fff_ffff);
    const refused: readonly (readonly [Name, ...fc.Arbitrary<number>[]])[] = [
      ['call_m64', register, fc.constant(0)],
      ['call_m64', fc.constant(rax), int32],
      ['call_rip', int32],
      ['cmp_r64_r64', register, fc.constant(rax)],
      ['cmp_r64_r64', fc.constant(rax), register],
      ['dec_r64', register],
      ['lea_label', register, fc.constant(0)],
      ['lea_m', register, fc.constant(rax), fc.constant(0)],
      ['lea_m', fc.constant(rax), register, fc.constant(0)],
      ['lea_rip', register, fc.constant(0)],
      ['lea_rip', fc.constant(rax), int32],
      ['mov_m64_r64', fc.constant(rax), int32, fc.constant(rax)],
      ['mov_r64_imm32', fc.constant(rax), int32],
      ['pop_r64', register],
      ['push_m64x8', register, fc.constant(rax), fc.constant(0)],
      ['push_m64x8', fc.constant(rax), fc.oneof(register, fc.constant<number>(rsp)), fc.constant(0)],
      ['push_m64x8', fc.constant(rax), fc.constant(rax), int32],
      ['push_r64', register],
      ['sub_r64_imm8', fc.constant(rax), outside(-0x80, 0x7f)],
      ['test_al_imm8', outside(0, 0xff)],
    ];
    for (const [name, ...operands] of refused) {
      fc.assert(
        fc.property(fc.tuple(...operands), (values) => {
          assert.throws(() => encode(name, ...values), RangeError, name);
        }),
        { numRuns: 30 },
      );
    }
  });

  test('refuse a label further away than 2 GiB', () => {
    assert.equal(hex(encode('jmp', to(0x8000_0004))), 'e9 ff ff ff 7f');
    assert.throws(() => encode('jmp', to(0x8000_0005)), RangeError);
    assert.throws(() => encode('lea_label', rax, to(0x8000_0007)), RangeError);
  });
});
