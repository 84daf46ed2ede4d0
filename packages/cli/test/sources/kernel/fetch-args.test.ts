import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Arch, parseArguments } from 'libusdt/codecs';
import { fetchArgument } from '../../../src/sources/kernel/fetch-args.ts';

interface Options {
  readonly string?: boolean;
  readonly fixed?: boolean;
}

/** The tracepoint is at address 0x1100, place 0x100 of the file; `counter` at 0x4010. */
function fetch(arch: Arch, argument: string, { string = false, fixed = false }: Options = {}): string {
  const [parsed] = parseArguments(argument);
  const fetched = fetchArgument(
    parsed!,
    {
      arch,
      fixed,
      address: 0x1100n,
      offset: 0x100n,
      symbol: (name) => (name === 'counter' ? 0x4010n : undefined),
    },
    string,
  );
  return fetched.expressible ? fetched.text : `! ${fetched.reason.split(':')[0]}`;
}

const INDEX = '! memory at the sum of two registers';
const FLOAT = '! a floating-point register';
const TLS = '! thread-local memory';

const X64: readonly (readonly [string, string, Options?])[] = [
  ['8@%rdi', '%di:u64'],
  ['-8@%rax', '%ax:s64'],
  ['-4@%edi', '%di:s32'],
  ['4@%r15d', '%r15:u32'],
  ['2@%ax', '%ax:u16'],
  ['-2@%r8w', '%r8:s16'],
  ['1@%dil', '%di:u8'],
  ['-1@%r9b', '%r9:s8'],
  ['1@%spl', '%sp:u8'],
  ['1@%ah', '%ax:b8@8/16'],
  ['-1@%ch', '%cx:b8@8/16'],
  ['-4@%al', '%ax:s8'],
  ['8@%eax', '%ax:u32'],
  ['4@%rax', '%ax:u32'],
  ['-4@$-7', '\\-7:s32'],
  ['4@$7', '\\7:u32'],
  ['8@$0x10', '\\16:u64'],
  ['8@$18446744073709551615', '\\-1:u64'],
  ['-4@(%rsp)', '+0(%sp):s32'],
  ['-4@8(%rsp)', '+8(%sp):s32'],
  ['8@-24(%rbp)', '-24(%bp):u64'],
  ['8@-0x18(%rbp)', '-24(%bp):u64'],
  ['8@8+16(%rbp)', '+24(%bp):u64'],
  ['4@(,%rax,1)', '+0(%ax):u32'],
  ['4@8(%rax,%riz,1)', '+8(%ax):u32'],
  ['4@8(%rax,%rbx,4)', INDEX],
  ['4@8(,%rbx,4)', INDEX],
  ['4@counter(%rip)', '@+12304:u32'],
  ['-4@counter+4(%rip)', '@+12308:s32'],
  ['-4@4+counter(%rip)', '@+12308:s32'],
  ['-4@-8+counter(%rip)', '@+12296:s32'],
  ['-4@counter', '@+12304:s32'],
  ['-4@unknown(%rip)', "! memory at unknown, which the file's symbol tables do not have"],
  ['8@counter@GOTPCREL(%rip)', '! memory through a table (@GOTPCREL)'],
  ['8@counter(%rax)', '! memory at counter + a register'],
  ['8@counter(%rax)', '+16400(%ax):u64', { fixed: true }],
  ['8@$counter', '! the address of counter'],
  ['8@$counter+8', '\\16408:u64', { fixed: true }],
  ['8@16(%rip)', '! memory relative to an instruction that the note does not name'],
  ['8@4198400', '@4198400:u64'],
  ['8@%fs:0xfffffffffffffff8', TLS],
  ['8@counter@tpoff(%rax)', TLS],
  ['8f@%xmm0', FLOAT],
  ['8f@-8(%rbp)', '-8(%bp):u64'],
  ['4f@counter(%rip)', '@+12304:u32'],
  ['16@-8(%rbp)', '! a value of 16 bytes'],
  ['8@%cr0', '! a register %cr0, which the kernel does not record'],
  ['8@?', '! an operand that is not understood'],
  ['8@%rdi', '+0(%di):string', { string: true }],
  ['8@8(%rsp)', '+0(+8(%sp)):string', { string: true }],
  ['8@-8(%rbp)', '+0(-8(%bp)):string', { string: true }],
  ['8@counter(%rip)', '+0(@+12304):string', { string: true }],
  ['8@$4198400', '@4198400:string', { string: true }],
  ['4@%edi', '! too narrow for a pointer to text', { string: true }],
  ['1@%ah', '! too narrow for a pointer to text', { string: true }],
];

const X86: typeof X64 = [
  ['-4@%eax', '%ax:s32'],
  ['4@-12(%ebp)', '-12(%bp):u32'],
  ['4@counter', '@+12304:u32'],
  ['4@counter@GOTOFF(%ebx)', '@+12304:u32'],
  ['4@counter@GOTOFF+4(%ebx)', '@+12308:u32'],
  ['4@counter@GOT(%ebx)', '! memory through a table (@GOT)'],
  ['4@%gs:4', TLS],
  ['8@-16(%ebp)', '-16(%bp):u64'],
  ['8@%eax', '! a value of 8 bytes in a pair of registers, of which the note names one'],
  ['1@%bh', '%bx:b8@8/16'],
  ['4@%r8d', '! a register %r8d, which the kernel does not record'],
  ['8@%rax', '! a register %rax, which the kernel does not record'],
  ['-4@$5', '\\5:s32'],
  ['8f@%st(0)', FLOAT],
  ['4@%edi', '+0(%di):string', { string: true }],
  ['4@8(%esp)', "! a 32-bit pointer in memory, which a 64-bit kernel can't follow", { string: true }],
];

const ARM64: typeof X64 = [
  ['8@x0', '%x0:u64'],
  ['-4@w1', '%x1:s32'],
  ['-4@x1', '%x1:s32'],
  ['1@w30', '%x30:u8'],
  ['8@x31', '! an operand that is not understood'],
  ['8@sp', '%sp:u64'],
  ['8@fp', '%x29:u64'],
  ['8@xzr', '\\0:u64'],
  ['-4@5', '\\5:s32'],
  ['-4@#-5', '\\-5:s32'],
  ['8@[sp]', '+0(%sp):u64'],
  ['8@[sp, 16]', '+16(%sp):u64'],
  ['-4@[x29, #-20]', '-20(%x29):s32'],
  ['8@[x0,8]', '+8(%x0):u64'],
  ['8@[x0, x1]', INDEX],
  ['8@[x0, w1, sxtw 2]', INDEX],
  ['8@[sp, 16]!', '! memory at a register that the access changes'],
  ['8@[sp], 16', '! memory at a register that the access changes'],
  ['4@[x0, #:lo12:counter]', '@+12304:u32'],
  ['4@[x0, :lo12:counter+4]', '@+12308:u32'],
  ['4@[x0, #:got_lo12:counter]', '! memory through a table'],
  ['8f@d0', FLOAT],
  ['8@x2', '+0(%x2):string', { string: true }],
  ['8@[sp, 8]', '+0(+8(%sp)):string', { string: true }],
];

for (const [arch, table] of [
  ['x64', X64],
  ['i386', X86],
  ['arm64', ARM64],
] as const) {
  for (const [argument, expected, options] of table) {
    test(`${arch} ${argument}${options ? ` ${Object.keys(options)}` : ''} is ${expected}`, () => {
      assert.equal(fetch(arch, argument, options), expected);
    });
  }
}

test('any operand has an answer, and none is a line of several words', () => {
  const part = fc.constantFrom(
    '%',
    '$',
    '(',
    ')',
    ',',
    '[',
    ']',
    '#',
    ':',
    '+',
    '-',
    '@',
    'rax',
    'x0',
    'sp',
    'counter',
    '8',
    '0x',
    'f',
    '*',
    '!',
    ' ',
    '%rip',
    'GOTOFF',
    'lo12',
    'fs:',
  );
  fc.assert(
    fc.property(
      fc.array(part),
      fc.constantFrom('x64', 'i386', 'arm64'),
      fc.boolean(),
      (parts, arch, asString) => {
        const fetched = fetchArgument(
          { size: 8, signed: false, float: false, operand: parts.join('') },
          { arch, fixed: true, address: 0x1100n, offset: 0x100n, symbol: () => 4n },
          asString,
        );
        if (fetched.expressible) assert.match(fetched.text, /^[%\\@+-][\w%\\@+()-]*:\w+$/);
        else assert.ok(fetched.reason.length > 0);
      },
    ),
    { numRuns: 1000 },
  );
});
