import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { needs, without } from '../../../../../test/support/needs.ts';
import { i386, REG32 } from '../../../src/arch/i386/encoding.ts';
import type { Label } from '../../../src/asm/assembler.ts';
import { CodeBuffer } from '../../../src/asm/buffer.ts';
import { disassemble, disassembler, hex } from '../../asm/support.ts';

const { eax, ecx, edx, ebx, esp, ebp, esi, edi } = REG32;
/** A label that is bound already; the instruction itself is at 0. */
const to = (offset: number): Label => ({ offset });

type Operand = number | Label;
type Encoder = (b: CodeBuffer, ...operands: readonly Operand[]) => void;
type Name = keyof typeof i386;

// biome-ignore format: a table
const GOLDEN: readonly (readonly [name: Name, operands: readonly Operand[], bytes: string, text: string])[] = [
  ['add_r32_imm32', [ecx, 0], '81 c1 00 00 00 00', 'add ecx,0x0'],
  ['add_r32_imm32', [edx, 0x12345678], '81 c2 78 56 34 12', 'add edx,0x12345678'],
  ['add_r32_imm32', [esi, -0x80000000], '81 c6 00 00 00 80', 'add esi,0x80000000'],
  ['add_r32_label', [ecx, to(0x1234), 5], '81 c1 2f 12 00 00', 'add ecx,0x122f'],
  ['add_r32_label', [edi, to(0), 0x12345], '81 c7 bb dc fe ff', 'add edi,0xfffedcbb'],
  ['and_r32_imm8', [esp, -16], '83 e4 f0', 'and esp,0xfffffff0'],
  ['and_r32_imm8', [eax, 127], '83 e0 7f', 'and eax,0x7f'],
  ['bt_r32_r32', [eax, ecx], '0f a3 c8', 'bt eax,ecx'],
  ['bt_r32_r32', [edi, ebp], '0f a3 ef', 'bt edi,ebp'],
  ['call', [to(5)], 'e8 00 00 00 00', 'call 0x5'],
  ['call', [to(0x1234)], 'e8 2f 12 00 00', 'call 0x1234'],
  ['call_m32', [ecx, 0], 'ff 11', 'call DWORD PTR [ecx]'],
  ['call_m32', [ebp, 0], 'ff 55 00', 'call DWORD PTR [ebp+0x0]'],
  ['call_m32', [esp, 0], 'ff 14 24', 'call DWORD PTR [esp]'],
  ['call_m32', [ebx, 127], 'ff 53 7f', 'call DWORD PTR [ebx+0x7f]'],
  ['call_m32', [esi, 128], 'ff 96 80 00 00 00', 'call DWORD PTR [esi+0x80]'],
  ['cmp_r32_m32', [ecx, ebx, 8], '3b 4b 08', 'cmp ecx,DWORD PTR [ebx+0x8]'],
  ['cmp_r32_m32', [edi, esp, -128], '3b 7c 24 80', 'cmp edi,DWORD PTR [esp-0x80]'],
  ['cmp_r32_r32', [ecx, edx], '39 d1', 'cmp ecx,edx'],
  ['cmp_r32_r32', [edi, eax], '39 c7', 'cmp edi,eax'],
  ['inc_r32', [eax], '40', 'inc eax'],
  ['inc_r32', [edi], '47', 'inc edi'],
  ['jae', [to(0x1234)], '0f 83 2e 12 00 00', 'jae 0x1234'],
  ['jae', [to(0)], '0f 83 fa ff ff ff', 'jae 0x0'],
  ['jmp', [to(0x1234)], 'e9 2f 12 00 00', 'jmp 0x1234'],
  ['jmp', [to(0)], 'e9 fb ff ff ff', 'jmp 0x0'],
  ['jne', [to(0x7fff0000)], '0f 85 fa ff fe 7f', 'jne 0x7fff0000'],
  ['jne', [to(6)], '0f 85 00 00 00 00', 'jne 0x6'],
  ['lea_m', [esp, ebp, -12], '8d 65 f4', 'lea esp,[ebp-0xc]'],
  ['lea_m', [edx, edx, 1], '8d 52 01', 'lea edx,[edx+0x1]'],
  ['lea_m', [eax, esp, 0], '8d 04 24', 'lea eax,[esp]'],
  ['lea_m', [esi, ebp, -129], '8d b5 7f ff ff ff', 'lea esi,[ebp-0x81]'],
  ['mov_m32_imm32', [esp, 0, 0], 'c7 04 24 00 00 00 00', 'mov DWORD PTR [esp],0x0'],
  ['mov_m32_imm32', [esp, 20, -1], 'c7 44 24 14 ff ff ff ff', 'mov DWORD PTR [esp+0x14],0xffffffff'],
  ['mov_m32_imm32', [ebx, 4088, 0x7fffffff], 'c7 83 f8 0f 00 00 ff ff ff 7f', 'mov DWORD PTR [ebx+0xff8],0x7fffffff'],
  ['mov_m32_r32', [ebx, 0, ecx], '89 0b', 'mov DWORD PTR [ebx],ecx'],
  ['mov_m32_r32', [ebp, 0, eax], '89 45 00', 'mov DWORD PTR [ebp+0x0],eax'],
  ['mov_m32_r32', [esp, 0, edi], '89 3c 24', 'mov DWORD PTR [esp],edi'],
  ['mov_m32_r32', [esp, 127, ebp], '89 6c 24 7f', 'mov DWORD PTR [esp+0x7f],ebp'],
  ['mov_m32_r32', [edx, 4088, ecx], '89 8a f8 0f 00 00', 'mov DWORD PTR [edx+0xff8],ecx'],
  ['mov_m32x4_r32', [esp, edx, 0, eax], '89 04 94', 'mov DWORD PTR [esp+edx*4],eax'],
  ['mov_m32x4_r32', [ebp, eax, 0, esi], '89 74 85 00', 'mov DWORD PTR [ebp+eax*4+0x0],esi'],
  ['mov_m32x4_r32', [edi, ebp, 128, esp], '89 a4 af 80 00 00 00', 'mov DWORD PTR [edi+ebp*4+0x80],esp'],
  ['mov_r32_imm32', [eax, 0], 'b8 00 00 00 00', 'mov eax,0x0'],
  ['mov_r32_imm32', [edi, -1], 'bf ff ff ff ff', 'mov edi,0xffffffff'],
  ['mov_r32_imm32', [ebx, 0x7fffffff], 'bb ff ff ff 7f', 'mov ebx,0x7fffffff'],
  ['mov_r32_imm32', [esi, -0x80000000], 'be 00 00 00 80', 'mov esi,0x80000000'],
  ['mov_r32_m32', [eax, ebx, 0], '8b 03', 'mov eax,DWORD PTR [ebx]'],
  ['mov_r32_m32', [ecx, ebp, 8], '8b 4d 08', 'mov ecx,DWORD PTR [ebp+0x8]'],
  ['mov_r32_m32', [edx, esp, 128], '8b 94 24 80 00 00 00', 'mov edx,DWORD PTR [esp+0x80]'],
  ['mov_r32_m32', [edi, ebp, 0], '8b 7d 00', 'mov edi,DWORD PTR [ebp+0x0]'],
  ['mov_r32_m32', [esi, edi, -129], '8b b7 7f ff ff ff', 'mov esi,DWORD PTR [edi-0x81]'],
  ['mov_r32_m32x8', [eax, ebx, ecx, 16], '8b 44 cb 10', 'mov eax,DWORD PTR [ebx+ecx*8+0x10]'],
  ['mov_r32_m32x8', [edx, ebp, esi, 0], '8b 54 f5 00', 'mov edx,DWORD PTR [ebp+esi*8+0x0]'],
  ['mov_r32_m32x8', [esp, esp, ebp, 4096], '8b a4 ec 00 10 00 00', 'mov esp,DWORD PTR [esp+ebp*8+0x1000]'],
  ['mov_r32_r32', [ebp, esp], '89 e5', 'mov ebp,esp'],
  ['mov_r32_r32', [eax, eax], '89 c0', 'mov eax,eax'],
  ['mov_r32_r32', [esi, edi], '89 fe', 'mov esi,edi'],
  ['pop_r32', [ecx], '59', 'pop ecx'],
  ['pop_r32', [ebp], '5d', 'pop ebp'],
  ['push_r32', [eax], '50', 'push eax'],
  ['push_r32', [edi], '57', 'push edi'],
  ['ret', [], 'c3', 'ret'],
  ['shl_r32_imm8', [eax, 3], 'c1 e0 03', 'shl eax,0x3'],
  ['shl_r32_imm8', [esi, 31], 'c1 e6 1f', 'shl esi,0x1f'],
  ['sub_r32_imm8', [esp, 92], '83 ec 5c', 'sub esp,0x5c'],
  ['sub_r32_imm8', [eax, -128], '83 e8 80', 'sub eax,0xffffff80'],
  ['sub_r32_r32', [esp, eax], '29 c4', 'sub esp,eax'],
  ['sub_r32_r32', [ebx, edi], '29 fb', 'sub ebx,edi'],
  ['test_r32_r32', [eax, eax], '85 c0', 'test eax,eax'],
  ['test_r32_r32', [edx, ebp], '85 ea', 'test edx,ebp'],
  ['xchg_m32_r32', [ebp, -16, ebx], '87 5d f0', 'xchg DWORD PTR [ebp-0x10],ebx'],
  ['xchg_m32_r32', [esp, 0, esi], '87 34 24', 'xchg DWORD PTR [esp],esi'],
  ['xor_r32_r32', [eax, eax], '31 c0', 'xor eax,eax'],
  ['xor_r32_r32', [ecx, edi], '31 f9', 'xor ecx,edi'],
];

function encode(name: Name, ...operands: readonly Operand[]): Uint8Array {
  const b = new CodeBuffer('lsb');
  (i386[name] as Encoder)(b, ...operands);
  return b.finish();
}

describe('i386 encodings', () => {
  test('are all in the table', () => {
    assert.deepEqual([...new Set(GOLDEN.map(([name]) => name))].sort(), Object.keys(i386).sort());
  });

  test('are the bytes of the table, which objdump reads as the table says', () => {
    for (const [name, operands, bytes, text] of GOLDEN) {
      assert.equal(hex(encode(name, ...operands)), bytes, text);
    }
    if (without(disassembler('i386'))) return;
    const read = disassemble(
      'i386',
      GOLDEN.map(([, , bytes]) => Uint8Array.from(bytes.split(' '), (byte) => Number.parseInt(byte, 16))),
    );
    assert.deepEqual(
      read,
      GOLDEN.map(([, , , text]) => [text]),
    );
  });

  test('name any register, as objdump reads it', needs(disassembler('i386')), () => {
    const names = Object.keys(REG32) as (keyof typeof REG32)[];
    const pairs = names.flatMap((to) => names.map((from) => [to, from] as const));
    const pieces = pairs.map(([to, from]) => {
      const b = new CodeBuffer('lsb');
      i386.mov_r32_r32(b, REG32[to], REG32[from]);
      i386.mov_r32_m32(b, REG32[to], REG32[from], 0);
      i386.mov_m32_r32(b, REG32[to], 16, REG32[from]);
      if (from !== 'esp') i386.mov_r32_m32x8(b, REG32[to], REG32[to], REG32[from], 8);
      if (to !== 'esp') i386.mov_m32x4_r32(b, REG32[from], REG32[to], 8, REG32[from]);
      return b.finish();
    });
    // One file: the pairs follow each other.
    const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    const expected = pairs.flatMap(([to, from]) => [
      `mov ${to},${from}`,
      `mov ${to},DWORD PTR [${from}${from === 'ebp' ? '+0x0' : ''}]`,
      `mov DWORD PTR [${to}+0x10],${from}`,
      ...(from === 'esp' ? [] : [`mov ${to},DWORD PTR [${to}+${from}*8+0x8]`]),
      ...(to === 'esp' ? [] : [`mov DWORD PTR [${from}+${to}*4+0x8],${from}`]),
    ]);
    assert.deepEqual(disassemble('i386', [whole]), [expected]);
  });

  const outside = (low: number, high: number) =>
    fc.oneof(
      fc.integer({ min: high + 1, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: Number.MIN_SAFE_INTEGER, max: low - 1 }),
      fc.constantFrom(Number.NaN, Infinity, low + 0.5),
    );

  test('refuse numbers that no operand can be', () => {
    const register = outside(0, 7);
    const int8 = outside(-0x80, 0x7f);
    const int32 = outside(-0x8000_0000, 0x7fff_ffff);
    const [good, zero] = [fc.constant(eax), fc.constant(0)];
    const index = fc.oneof(register, fc.constant<number>(esp));
    const refused: readonly (readonly [Name, ...fc.Arbitrary<number>[]])[] = [
      ['add_r32_imm32', register, zero],
      ['add_r32_imm32', good, int32],
      ['and_r32_imm8', good, int8],
      ['bt_r32_r32', register, good],
      ['bt_r32_r32', good, register],
      ['call_m32', register, zero],
      ['call_m32', good, int32],
      ['cmp_r32_m32', register, good, zero],
      ['inc_r32', register],
      ['lea_m', register, good, zero],
      ['lea_m', good, register, zero],
      ['mov_m32_imm32', register, zero, zero],
      ['mov_m32_imm32', good, int32, zero],
      ['mov_m32_imm32', good, zero, int32],
      ['mov_m32_r32', good, int32, good],
      ['mov_m32_r32', good, zero, register],
      ['mov_m32x4_r32', register, good, zero, good],
      ['mov_m32x4_r32', good, index, zero, good],
      ['mov_m32x4_r32', good, good, int32, good],
      ['mov_m32x4_r32', good, good, zero, register],
      ['mov_r32_imm32', register, zero],
      ['mov_r32_imm32', good, int32],
      ['mov_r32_m32x8', good, good, index, zero],
      ['pop_r32', register],
      ['push_r32', register],
      ['shl_r32_imm8', good, int8],
      ['sub_r32_imm8', good, int8],
      ['xchg_m32_r32', good, zero, register],
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
    assert.equal(hex(encode('add_r32_label', ecx, to(0x8000_0004), 5)), '81 c1 ff ff ff 7f');
    assert.throws(() => encode('add_r32_label', ecx, to(0x8000_0005), 5), RangeError);
  });
});
