import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argumentString, type OperandType, parseArguments } from '../../../src/notes/stapsdt/operands.ts';

const INT = { size: 4, signed: true } as const;
const WORD = { size: 8, signed: false } as const;

test('x64 names registers in their size, then words from the top of the stack', () => {
  const all = ([1, 2, 4, 8] as const).map((size) =>
    argumentString(
      'x64',
      Array.from({ length: 8 }, () => ({ size, signed: false })),
    ),
  );
  assert.deepEqual(all, [
    '1@%dil 1@%sil 1@%dl 1@%cl 1@%r8b 1@%r9b 1@0(%rsp) 1@8(%rsp)',
    '2@%di 2@%si 2@%dx 2@%cx 2@%r8w 2@%r9w 2@0(%rsp) 2@8(%rsp)',
    '4@%edi 4@%esi 4@%edx 4@%ecx 4@%r8d 4@%r9d 4@0(%rsp) 4@8(%rsp)',
    '8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8 8@%r9 8@0(%rsp) 8@8(%rsp)',
  ]);
});

test('arm64 names x registers whatever the size', () => {
  assert.equal(
    argumentString('arm64', [INT, WORD, ...Array<OperandType>(8).fill({ size: 2, signed: false })]),
    '-4@x0 8@x1 2@x2 2@x3 2@x4 2@x5 2@x6 2@x7 2@[sp, 0] 2@[sp, 8]',
  );
});

test('i386 has all on the stack, and two words for what has eight bytes', () => {
  const types = ([1, 2, 4, 8, 8, 1, 4] as const).map((size) => ({ size, signed: size === 8 }));
  assert.equal(
    argumentString('i386', types),
    '1@0(%esp) 2@4(%esp) 4@8(%esp) -8@12(%esp) -8@20(%esp) 1@28(%esp) 4@32(%esp)',
  );
});

test('no more than twelve are listed', () => {
  for (const [arch, last] of [
    ['x64', '40(%rsp)'],
    ['arm64', '[sp, 24]'],
    ['i386', '44(%esp)'],
  ] as const) {
    assert.equal(argumentString(arch, []), '');
    const operands = parseArguments(argumentString(arch, Array(32).fill(INT)));
    assert.equal(operands.length, 12);
    assert.equal(operands[11]!.operand, last);
    assert.ok(operands.every(({ size, signed, float }) => size === 4 && signed && !float));
  }
});

test('operands of compilers for any architecture', () => {
  const operands = (text: string) => parseArguments(text).map(({ operand }) => operand);
  assert.deepEqual(parseArguments(' -4@%edi  8f@%xmm0 '), [
    { size: 4, signed: true, float: false, operand: '%edi' },
    { size: 8, signed: false, float: true, operand: '%xmm0' },
  ]);
  assert.deepEqual(parseArguments(''), []);
  assert.deepEqual(operands('8@-4(%rbp, %rax, 8) -1@$-7 8@table+16(%rip) 8@%fs:-8'), [
    '-4(%rbp, %rax, 8)',
    '$-7',
    'table+16(%rip)',
    '%fs:-8',
  ]);
  assert.deepEqual(operands('-4@[sp, 8] 8@[x0, #:lo12:name] 4@5 8@[x1, x2]'), [
    '[sp, 8]',
    '[x0, #:lo12:name]',
    '5',
    '[x1, x2]',
  ]);
  assert.deepEqual(operands('-4@i5 8@112(31) 4@%r3'), ['i5', '112(31)', '%r3']);
});

test('text that is no argument list is refused', () => {
  for (const text of ['hello', '%rdi', '8@', '@x0', 'f@x0', '8x@x0', 'x 8@x0']) {
    assert.throws(() => parseArguments(text), RangeError, text);
  }
});
