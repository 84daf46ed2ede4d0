import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { without } from '../../../../../test/support/needs.ts';
import { REG32 } from '../../../src/arch/i386/encoding.ts';
import { sse2 } from '../../../src/arch/x86/sse2-encoding.ts';
import { CodeBuffer } from '../../../src/asm/buffer.ts';
import { disassemble, disassembler, hex } from '../../asm/support.ts';

const { eax, ecx, edx, ebx, esp, ebp, esi, edi } = REG32;

type Name = keyof typeof sse2;
type Encoder = (b: CodeBuffer, ...operands: readonly number[]) => void;

/** As objdump prints them for i386. For x86-64 the general registers of addresses have their other names. */
// biome-ignore format: a table
const GOLDEN: readonly (readonly [name: Name, operands: readonly number[], bytes: string, text: string])[] = [
  ['movd_r32_xmm', [eax, 1], '66 0f 7e c8', 'movd eax,xmm1'],
  ['movd_r32_xmm', [edi, 6], '66 0f 7e f7', 'movd edi,xmm6'],
  ['movdqu_m128x2_xmm', [edi, esi, 1], 'f3 0f 7f 0c 77', 'movdqu XMMWORD PTR [edi+esi*2],xmm1'],
  ['movdqu_m128x2_xmm', [ebp, eax, 7], 'f3 0f 7f 7c 45 00', 'movdqu XMMWORD PTR [ebp+eax*2+0x0],xmm7'],
  ['movdqu_xmm_m128x2', [0, edi, eax], 'f3 0f 6f 04 47', 'movdqu xmm0,XMMWORD PTR [edi+eax*2]'],
  ['movdqu_xmm_m128x2', [5, esp, ebx], 'f3 0f 6f 2c 5c', 'movdqu xmm5,XMMWORD PTR [esp+ebx*2]'],
  ['movq_m64x1_xmm', [edi, eax, 0], '66 0f d6 04 07', 'movq QWORD PTR [edi+eax*1],xmm0'],
  ['movq_m64x1_xmm', [edx, ecx, 3], '66 0f d6 1c 0a', 'movq QWORD PTR [edx+ecx*1],xmm3'],
  ['packuswb', [0, 0], '66 0f 67 c0', 'packuswb xmm0,xmm0'],
  ['packuswb', [1, 7], '66 0f 67 cf', 'packuswb xmm1,xmm7'],
  ['por', [1, 0], '66 0f eb c8', 'por xmm1,xmm0'],
  ['por', [6, 2], '66 0f eb f2', 'por xmm6,xmm2'],
  ['psadbw', [1, 0], '66 0f f6 c8', 'psadbw xmm1,xmm0'],
  ['psadbw', [4, 5], '66 0f f6 e5', 'psadbw xmm4,xmm5'],
  ['psrlw_imm8', [1, 7], '66 0f 71 d1 07', 'psrlw xmm1,0x7'],
  ['psrlw_imm8', [7, 255], '66 0f 71 d7 ff', 'psrlw xmm7,0xff'],
  ['pxor', [1, 1], '66 0f ef c9', 'pxor xmm1,xmm1'],
  ['pxor', [3, 4], '66 0f ef dc', 'pxor xmm3,xmm4'],
];

const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16));

function encode(name: Name, ...operands: readonly number[]): Uint8Array {
  const b = new CodeBuffer('lsb');
  (sse2[name] as Encoder)(b, ...operands);
  return b.finish();
}

describe('SSE2 encodings', () => {
  test('are all in the table', () => {
    assert.deepEqual([...new Set(GOLDEN.map(([name]) => name))].sort(), Object.keys(sse2).sort());
  });

  test('are the bytes of the table, which objdump reads as the table says', () => {
    for (const [name, operands, bytes, text] of GOLDEN) {
      assert.equal(hex(encode(name, ...operands)), bytes, text);
    }
    if (without(disassembler('x64'))) return;
    const pieces = GOLDEN.map(([, , bytes]) => bytesOf(bytes));
    assert.deepEqual(
      disassemble('i386', pieces),
      GOLDEN.map(([, , , text]) => [text]),
    );
    // For x86-64 addresses have 64 bits.
    const wide = (text: string): string =>
      text.replace(/\[.*\]/, (address) => address.replaceAll(/\be(?=[a-z]{2}\b)/g, 'r'));
    assert.deepEqual(
      disassemble('x64', pieces),
      GOLDEN.map(([, , , text]) => [wide(text)]),
    );
  });

  test('refuse registers that need a REX, an index that is none, and shifts that are no byte', () => {
    const register = fc.oneof(
      fc.integer({ min: 8 }),
      fc.integer({ max: -1 }),
      fc.constantFrom(0.5, Number.NaN),
    );
    const good = fc.constant(0);
    const refused: readonly (readonly [Name, ...fc.Arbitrary<number>[]])[] = [
      ['movd_r32_xmm', register, good],
      ['movd_r32_xmm', good, register],
      ['movdqu_m128x2_xmm', register, good, good],
      ['movdqu_m128x2_xmm', good, fc.constant<number>(esp), good],
      ['movdqu_xmm_m128x2', register, good, good],
      ['movdqu_xmm_m128x2', good, good, register],
      ['movq_m64x1_xmm', good, register, good],
      ['por', register, good],
      ['psrlw_imm8', good, fc.oneof(fc.integer({ min: 256 }), fc.integer({ max: -1 }))],
      ['pxor', good, register],
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
});
