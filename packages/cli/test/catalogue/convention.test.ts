/** Where arguments are by their types: against what a compiler makes of a call. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { without } from '../../../../test/support/needs.ts';
import { type Convention, conventionArguments } from '../../src/catalogue/convention.ts';

const TYPES = [
  ...[
    'int',
    'long',
    'double',
    'char',
    'short',
    'int',
    'long',
    'char *',
    'unsigned long',
    'signed char',
    'short',
  ],
  ...['unsigned', 'long long', 'float', 'unsigned char'],
];
/** Each argument is a number of its own, but for the two that come in other registers. */
const SOURCE = `extern void probe(${TYPES.join(', ')});
void call(void) { probe(${TYPES.map((type, index) => (type === 'char *' ? `(char *)${101 + index}` : 101 + index)).join(', ')}); }
`;

/** By the name of the register or `N(%sp)`, the number that is put there before the call. */
type Places = Record<string, number>;

function compile(target: string): string[] {
  const args = ['-target', target, '-O1', '-fno-asynchronous-unwind-tables', '-x', 'c', '-S', '-o', '-', '-'];
  const { stdout, stderr, status } = spawnSync('clang', args, { input: SOURCE, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '));
}

function x86Places(lines: readonly string[], word: number): Places {
  const places: Places = {};
  const pushed: number[] = [];
  for (const line of lines) {
    const [, value, register] = /^movl \$(\d+), %(\w+)/.exec(line) ?? [];
    if (register) places[register] = Number(value);
    const push = /^push[lq] \$(-?\d+)/.exec(line);
    if (push) pushed.unshift(Number(push[1]));
  }
  for (const [index, value] of pushed.entries()) places[`${index * word}(%sp)`] = value;
  return places;
}

function arm64Places(lines: readonly string[]): Places {
  const places: Places = {};
  for (const line of lines) {
    const [, register, value] = /^mov w(\d+), #(\d+)/.exec(line) ?? [];
    if (register) places[`x${register}`] = Number(value);
    const [, stored, offset = '0'] = /^strh?b? [wx](\d+), \[sp(?:, #(\d+))?\]/.exec(line) ?? [];
    if (stored) places[`${offset}(%sp)`] = places[`x${stored}`]!;
  }
  return places;
}

/** An operand as above: in the compiler's assembly registers are named by their lower half. */
function plain(operand: string): string {
  const memory = /^\[sp, (\d+)\]$/.exec(operand);
  if (memory) return `${memory[1]}(%sp)`;
  return operand.replace(/%[er]sp/, '%sp').replace(/^%/, '');
}

const INTEGERS = TYPES.map((type, index) => ({ type, index })).filter(
  ({ type }) => !/double|float/.test(type),
);

for (const [target, convention, placesOf] of [
  ['x86_64-linux-gnu', { arch: 'x64', class: 64, darwin: false }, (lines) => x86Places(lines, 8)],
  ['x86_64-apple-macos', { arch: 'x64', class: 64, darwin: true }, (lines) => x86Places(lines, 8)],
  ['i386-linux-gnu', { arch: 'i386', class: 32, darwin: false }, (lines) => x86Places(lines, 4)],
  ['aarch64-linux-gnu', { arch: 'arm64', class: 64, darwin: false }, arm64Places],
  ['arm64-apple-macos', { arch: 'arm64', class: 64, darwin: true }, arm64Places],
] as readonly [string, Convention, (lines: readonly string[]) => Places][]) {
  test(`${target}: each argument is where clang puts it`, { skip: without('clang') }, () => {
    const places = placesOf(compile(target));
    const args = conventionArguments(TYPES, convention);
    for (const { type, index } of INTEGERS) {
      const { operand, size } = args[index]!;
      // The same register, in the width in which the compiler loads a small number.
      const wide = conventionArguments(
        TYPES.map((other) => (other === type && size < 4 ? 'int' : other)),
        convention,
      )[index]!;
      const name = /sp[,\])]/.test(operand) ? operand : wide.operand.replace(/^%r([a-ds][xi])$/, '%e$1');
      const short = plain(name).replace(/^(r[89])$/, '$1d');
      assert.equal(
        places[short],
        101 + index,
        `arg${index} ${type}: ${operand} of ${JSON.stringify(places)}`,
      );
    }
  });
}

test('floating-point numbers have registers of their own, while there are any', () => {
  const operands = (types: readonly string[], convention: Convention): string[] =>
    conventionArguments(types, convention).map(({ operand }) => operand);
  const x64 = { arch: 'x64', class: 64, darwin: false } as const;
  assert.deepEqual(operands(['int', 'double', 'int', 'float'], x64), ['%edi', '%xmm0', '%esi', '%xmm1']);
  assert.deepEqual(operands([...Array(8).fill('double'), 'double', 'long'], x64).slice(8), [
    '0(%rsp)',
    '%rdi',
  ]);
  assert.deepEqual(operands(['float', 'double'], { ...x64, arch: 'arm64' }), ['s0', 'd1']);
  assert.deepEqual(operands(['int'], { ...x64, arch: undefined }), ['']);
});

test('sizes and signs of types, however they are written; what is not known is a word', () => {
  const shapes = (width: 32 | 64): string[] =>
    conventionArguments(
      [
        ...[
          'long unsigned int',
          'unsigned char',
          'const char *',
          'enum colour',
          'struct request *',
          'request_t',
        ],
        ...['int8_t', 'uintptr_t', 'bool', 'size_t', 'pid_t', 'long long', 'double'],
      ],
      { arch: undefined, class: width, darwin: false },
    ).map(({ size, signed, float }) => `${signed ? '-' : ''}${size}${float ? 'f' : ''}`);
  assert.deepEqual(shapes(64), ['8', '1', '8', '4', '8', '8', '-1', '8', '1', '8', '-4', '-8', '8f']);
  assert.deepEqual(shapes(32), ['4', '1', '4', '4', '4', '4', '-1', '4', '1', '4', '-4', '-8', '8f']);
});
