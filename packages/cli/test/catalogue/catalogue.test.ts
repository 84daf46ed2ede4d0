import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  buildImage,
  defineProbe,
  ElfError,
  encodeDeclarations,
  encodeStapsdtNotes,
  readElf,
} from 'libusdt/codecs';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { webapp, withoutPrograms } from '../../../../test/support/programs.ts';
import { probesOfElf } from '../../src/catalogue/elf-probes.ts';
import { parseMaps, statKey } from '../../src/catalogue/maps.ts';
import { openProbeFiles, ProcessScanner } from '../../src/catalogue/sources.ts';
import { addSection } from '../sections.ts';

const folder = temporaryFolder();
const skip = withoutPrograms();

/** A minimal ELF file: one PT_LOAD (R X) of everything at 0x10000, and the sections given. */
function elfFile(
  sections: readonly { name: string; type: number; addr?: number; bytes: Uint8Array }[],
): Uint8Array {
  const names = ['', ...sections.map(({ name }) => name), '.shstrtab'];
  const strings = Buffer.from(`${names.join('\0')}\0`, 'latin1');
  const all = [...sections, { name: '.shstrtab', type: 3, addr: 0, bytes: strings }];
  let at = 64 + 56;
  const places = all.map(({ bytes }) => {
    const place = at;
    at += (bytes.length + 7) & ~7;
    return place;
  });
  const bytes = Buffer.alloc(at + 64 * (all.length + 1));
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(62, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeUInt32LE(64, 32);
  bytes.writeUInt32LE(at, 40);
  for (const [offset, value] of [
    [52, 64],
    [54, 56],
    [56, 1],
    [58, 64],
    [60, all.length + 1],
    [62, all.length],
  ] as const) {
    bytes.writeUInt16LE(value, offset);
  }
  bytes.writeUInt32LE(1, 64);
  bytes.writeUInt32LE(5, 68);
  for (const [offset, value] of [
    [72, 0],
    [80, 0x10000],
    [88, 0x10000],
    [96, bytes.length],
    [104, 0x8000],
    [112, 0x1000],
  ] as const) {
    bytes.writeBigUInt64LE(BigInt(value), offset);
  }
  all.forEach((section, index) => {
    bytes.set(section.bytes, places[index]);
    const header = at + 64 * (index + 1);
    bytes.writeUInt32LE(strings.indexOf(`\0${section.name}\0`, 0, 'latin1') + 1, header);
    bytes.writeUInt32LE(section.type, header + 4);
    bytes.writeBigUInt64LE(BigInt(section.addr ?? 0), header + 16);
    bytes.writeBigUInt64LE(BigInt(places[index]!), header + 24);
    bytes.writeBigUInt64LE(BigInt(section.bytes.length), header + 32);
    bytes.writeBigUInt64LE(4n, header + 48);
  });
  return bytes;
}

const format = { class: 64, data: 'lsb' } as const;
const note = {
  base: 0x9000,
  semaphore: 0,
  provider: 'web__app',
  name: 'request__start',
  args: '4@%edi 8@%rsi',
};

test('declarations give the exact names and the C types', () => {
  const elf = readElf(
    elfFile([
      {
        name: '.note.stapsdt',
        type: 7,
        bytes: encodeStapsdtNotes(
          [
            { ...note, pc: 0x10040 },
            { ...note, pc: 0x10044, name: 'plain' },
          ],
          format,
        ),
      },
      {
        name: '.note.libusdt',
        type: 7,
        bytes: encodeDeclarations(
          [
            {
              pc: 0x10040,
              provider: 'web-app',
              module: 'm',
              function: 'f',
              name: 'request-start',
              types: ['uint32_t', 'char *'],
            },
          ],
          format,
        ),
      },
    ]),
  );
  const [declared, plain] = probesOfElf(elf).sites;
  assert.equal(
    `${declared!.provider}:${declared!.name} ${declared!.module}:${declared!.function}`,
    'web-app:request-start m:f',
  );
  assert.deepEqual(
    declared!.arguments.map(({ type }) => type),
    ['uint32_t', 'char *'],
  );
  assert.equal(declared!.offset, 0x40n);
  assert.equal(`${plain!.provider}:${plain!.name}`, 'web__app:plain');
  assert.deepEqual(
    plain!.arguments.map(({ type, declared: known }) => [type, known]),
    [
      ['uint32_t', false],
      ['uint64_t', false],
    ],
  );
});

for (const [arch, sixth, last] of [
  ['x64', '0(%rsp)', '200(%rsp)'],
  ['arm64', 'x6', '[sp, 184]'],
] as const) {
  test(`the arguments behind the twelfth are where the convention of ${arch} has them`, () => {
    const types = Array.from({ length: 32 }, (_, n) =>
      n % 2 === 0 ? ('int16_t' as const) : ('char *' as const),
    );
    const definition = { provider: 'webapp', module: 'app', probes: [defineProbe('many', types)] };
    const { bytes } = buildImage(definition, { os: 'linux', arch, tracepoint: 'nop' });
    const [site] = probesOfElf(readElf(bytes)).sites;
    assert.equal(site!.arguments.length, 32);
    assert.equal(site!.arguments[6]!.operand, sixth);
    const [even, odd] = site!.arguments.slice(30);
    assert.deepEqual(
      [even!.type, even!.size, even!.signed, odd!.type, odd!.size],
      ['int16_t', 2, true, 'char *', 8],
    );
    assert.equal(odd!.operand, last);
  });
}

test('a note that does not pass its arguments as C does has no others', () => {
  const types = Array.from({ length: 14 }, () => 'int32_t');
  const args = `${'4@%eax '.repeat(12)}`.trim();
  const declaration = { pc: 0x10040, provider: 'web__app', module: 'm', function: 'f', name: 'plain', types };
  const bytes = elfFile([
    {
      name: '.note.stapsdt',
      type: 7,
      bytes: encodeStapsdtNotes([{ ...note, name: 'plain', pc: 0x10040, args }], format),
    },
    { name: '.note.libusdt', type: 7, bytes: encodeDeclarations([declaration], format) },
  ]);
  assert.equal(probesOfElf({ ...readElf(bytes), machine: 62 }).sites[0]!.arguments.length, 12);
});

test('prelinking is undone: probe and semaphore move with .stapsdt.base', () => {
  const elf = readElf(
    elfFile([
      {
        name: '.note.stapsdt',
        type: 7,
        bytes: encodeStapsdtNotes([{ ...note, pc: 0x40, semaphore: 0x5000 }], format),
      },
      { name: '.stapsdt.base', type: 1, addr: 0x19000, bytes: new Uint8Array(1) },
    ]),
  );
  const [site] = probesOfElf(elf).sites;
  assert.equal(site!.address, 0x10040n);
  assert.equal(site!.offset, 0x40n);
  assert.equal(site!.semaphoreAddress, 0x15000n);
  assert.equal(site!.semaphoreOffset, 0x5000n);
});

test('a probe outside of the loaded segments has no place, arguments nobody understands are shown', () => {
  const elf = readElf(
    elfFile([
      {
        name: '.note.stapsdt',
        type: 7,
        bytes: encodeStapsdtNotes([{ ...note, pc: 0x99999, args: 'what is this' }], format),
      },
    ]),
  );
  const [site] = probesOfElf(elf).sites;
  assert.equal(site!.offset, undefined);
  assert.deepEqual(
    site!.arguments.map(({ operand, size }) => [operand, size]),
    [['what is this', 0]],
  );
});

test('a large file is read in parts, with the same result', { skip }, () => {
  const small = webapp(folder, 'small');
  const large = join(folder, 'large');
  fs.writeFileSync(large, addSection(fs.readFileSync(small), '.zeros', new Uint8Array(3_000_000)));
  const names = (path: string) =>
    openProbeFiles(path)[0]!.sites.map(({ provider, name, offset, argumentText, code }) => ({
      provider,
      name,
      offset,
      argumentText,
      code,
    }));
  assert.equal(names(small).length, 4);
  assert.ok(fs.statSync(large).size > 3_000_000);
  assert.deepEqual(names(large), names(small));
});

test('a damaged file is an error that names it, never a crash', { skip }, () => {
  const program = webapp(folder, 'damaged');
  const bytes = fs.readFileSync(program);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 0, max: bytes.length }),
      (changes, length) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged[at < 2000 ? at % 64 : at] = value;
        try {
          probesOfElf(readElf(damaged.subarray(0, length)));
        } catch (error) {
          assert.ok(error instanceof ElfError, String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('maps: files with blanks, deleted files and devices; anonymous memory is left out', () => {
  const text = `55d0c0000000-55d0c0001000 r--p 00000000 fe:00 131 /usr/bin/a b
7f0000001000-7f0000002000 r-xp 00001000 103:1f 77                         /tmp/x (deleted)
7f0000003000-7f0000004000 rw-p 00000000 00:00 0
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
7f0000005000-7f0000006000 rwxs 00000000 00:01 9 /memfd:j (deleted)
`;
  const maps = parseMaps(text);
  assert.deepEqual(
    maps.map(({ path, key, executable, writable, deleted, offset }) => [
      path,
      key,
      executable,
      writable,
      deleted,
      offset,
    ]),
    [
      ['/usr/bin/a b', '254:0:131', false, false, false, 0n],
      ['/tmp/x', '259:31:77', true, false, true, 0x1000n],
      ['/memfd:j', '0:1:9', true, true, true, 0n],
    ],
  );
});

test('a file in this process has the same key by its mapping and by its name', {
  skip: process.platform !== 'linux',
}, () => {
  const own = parseMaps(fs.readFileSync('/proc/self/maps', 'latin1'));
  const node = own.find(({ path }) => path === fs.realpathSync('/proc/self/exe'));
  assert.equal(node?.key, statKey(fs.statSync('/proc/self/exe', { bigint: true })));
});

test('a scanner returns a file once, whatever the number of its processes', {
  skip: process.platform !== 'linux' || skip,
}, () => {
  const scanner = new ProcessScanner();
  const first = scanner.scan([process.pid, process.pid]);
  assert.ok(
    first.some(({ path }) => path.includes('libstdc++')) || first.every(({ sites }) => sites.length > 0),
  );
  assert.deepEqual(scanner.scan([process.pid]), []);
});
