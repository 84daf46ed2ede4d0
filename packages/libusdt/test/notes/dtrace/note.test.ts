/** DTrace's own notes: a section that DTrace 2.0.7 and gcc made, as `readelf -x` shows it, and what is in it by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeUsdtNotes } from '../../../src/notes/dtrace/note.ts';
import { encodeNotes } from '../../../src/object/elf/notes.ts';
import { ElfError } from '../../../src/object/elf/reader.ts';

/** Of packages/cli/test/fixtures/dtrace-g, linked. */
const SECTION = Uint8Array.from(
  Buffer.from(
    `05000000 64000000 01000000 75736474 00000000 30120000 00000000 10200000 00000000 73686f70 00726571 75657374
     5f5f7374 61727400 082d3440 25656278 20384025 72313420 38402431 32333435 36373839 30313233 202d3440 2434202d
     34402435 202d3440 2436202d 34402437 202d3440 242d3800 05000000 2b000000 02000000 75736474 00000000 39120000
     00000000 10200000 00000000 73686f70 00726571 75657374 5f5f646f 6e650001 38402572 31330000 05000000 34000000
     01000000 75736474 00000000 42120000 00000000 10200000 00000000 73686f70 00726571 75657374 5f5f646f 6e650002
     2d344025 65627820 2d344024 34303400 05000000 1c000000 01000000 75736474 00000000 43120000 00000000 10200000
     00000000 73686f70 0069646c 65000000 05000000 2d000000 01000000 75736474 00000000 44120000 00000000 10200000
     00000000 73686f70 00737761 70706564 00023840 25723132 202d3440 25656278 00000000 05000000 fc000000 01000000
     70726f76 00000000 73686f70 00000000 00050404 00050404 00050404 00050404 00050404 04000000 73776170 70656400
     02636861 72202a00 696e7400 02696e74 00016368 6172202a 00000000 72657175 6573742d 73746172 74000869 6e740063
     68617220 2a007569 6e743634 5f74006c 6f6e6700 6c6f6e67 006c6f6e 67006c6f 6e670069 6e74385f 74000869 6e740000
     63686172 202a0001 75696e74 36345f74 00026c6f 6e670003 6c6f6e67 00046c6f 6e670005 6c6f6e67 0006696e 74385f74
     00070000 72657175 6573742d 646f6e65 0002696e 7400756e 7369676e 65642073 686f7274 0002696e 74000075 6e736967
     6e656420 73686f72 74000100 69646c65 00000000 05000000 08000000 01000000 64766572 00000000 4420322e 302e3700`.replaceAll(
      /\s/g,
      '',
    ),
    'hex',
  ),
);
const ELF64 = { class: 64, data: 'lsb' } as const;

test('tracepoints and questions, with their functions and operands', () => {
  const { tracepoints } = decodeUsdtNotes(SECTION, ELF64);
  assert.deepEqual(
    tracepoints.map(({ isEnabled, pc, functionAddress, provider, name, args }) =>
      [
        isEnabled ? '?' : '!',
        pc.toString(16),
        functionAddress.toString(16),
        `${provider}:${name}`,
        args,
      ].join(' '),
    ),
    [
      '! 1230 2010 shop:request__start -4@%ebx 8@%r14 8@$1234567890123 -4@$4 -4@$5 -4@$6 -4@$7 -4@$-8',
      '? 1239 2010 shop:request__done 8@%r13',
      '! 1242 2010 shop:request__done -4@%ebx -4@$404',
      '! 1243 2010 shop:idle ',
      '! 1244 2010 shop:swapped 8@%r12 -4@%ebx',
    ],
  );
});

test('the provider, its types and what D makes of them', () => {
  const { providers } = decodeUsdtNotes(SECTION, ELF64);
  const int8 = ['int', 'char *', 'uint64_t', 'long', 'long', 'long', 'long', 'int8_t'];
  const attribute = 0x04040500;
  assert.deepEqual(providers, [
    {
      name: 'shop',
      attributes: {
        provattr: attribute,
        modattr: attribute,
        funcattr: attribute,
        nameattr: attribute,
        argsattr: attribute,
      },
      probes: [
        {
          name: 'swapped',
          nativeTypes: ['char *', 'int'],
          translatedTypes: ['int', 'char *'],
          mapping: [1, 0],
        },
        {
          name: 'request-start',
          nativeTypes: int8,
          translatedTypes: int8,
          mapping: [0, 1, 2, 3, 4, 5, 6, 7],
        },
        {
          name: 'request-done',
          nativeTypes: ['int', 'unsigned short'],
          translatedTypes: ['int', 'unsigned short'],
          mapping: [0, 1],
        },
        { name: 'idle', nativeTypes: [], translatedTypes: [], mapping: [] },
      ],
    },
  ]);
});

test('words have eight bytes in 32-bit files too, in the order of the file', () => {
  const desc = Buffer.from(
    `00000000000012340000000000005678${Buffer.from('p\0n\0\x014@r3\0').toString('hex')}`,
    'hex',
  );
  const format = { class: 32, data: 'msb' } as const;
  const section = encodeNotes([{ name: 'usdt', type: 1, desc }], format);
  assert.deepEqual(decodeUsdtNotes(section, format).tracepoints, [
    { isEnabled: false, pc: 0x1234n, functionAddress: 0x5678n, provider: 'p', name: 'n', args: '4@r3' },
  ]);
});

test('what is cut off is named', () => {
  const note = (name: string, desc: Buffer): Uint8Array => encodeNotes([{ name, type: 1, desc }], ELF64);
  const pc = '\0'.repeat(16);
  for (const [name, desc, message] of [
    ['usdt', '\0'.repeat(12), /usdt note: function is cut off/],
    ['usdt', `${pc}p`, /provider does not end with NUL/],
    ['usdt', `${pc}p\0\0\0\0`, /a name is empty/],
    ['usdt', `${pc}p\0n\0`, /number of arguments is cut off/],
    ['usdt', `${pc}p\0n\0\x01`, /arguments does not end with NUL/],
    ['prov', 'p\0\0\0', /prov note: provider attribute is cut off/],
    ['prov', `p\0\0\0${'\0'.repeat(20)}\x02\0\0\0a\0\0\0`, /name of probe 1 does not end with NUL/],
  ] as const) {
    assert.throws(() => decodeUsdtNotes(note(name, Buffer.from(desc, 'latin1')), ELF64), message);
  }
});

test('a damaged section is an error, never a crash', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(SECTION.length - 1), fc.nat(255)), { minLength: 1, maxLength: 10 }),
      fc.nat(SECTION.length),
      (changes, length) => {
        const bytes = SECTION.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          decodeUsdtNotes(bytes.subarray(0, length), ELF64);
        } catch (error) {
          assert.ok(error instanceof ElfError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
