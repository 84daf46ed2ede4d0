/** The Mach-O reader against LLVM's, on files that LLVM or our own writer made. Real programs: test/runtimes/darwin.test.ts. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../../test/support/folders.ts';
import { needs } from '../../../../../test/support/needs.ts';
import { buildImage } from '../../../src/image/image.ts';
import { MachOError, machOKind, readMachO, readUniversal } from '../../../src/object/macho/reader.ts';
import { encodeUniversal } from '../../../src/object/macho/universal.ts';
import { defineImage } from '../../../src/provider/definition.ts';
import { run } from '../tools.ts';

const folder = temporaryFolder();

function image(arch: 'x64' | 'arm64'): Uint8Array {
  const definition = defineImage('web', { probes: { go: ['int'], stop: ['char *', 'int'] } });
  return buildImage(definition, { os: 'darwin', arch, tracepoint: 'nop' }).bytes;
}

/** Sections as `llvm-readobj -S` prints them. */
function sectionsByLlvm(path: string): string[] {
  const { stdout, stderr } = run('llvm-readobj', '-S', path);
  assert.equal(stderr, '');
  return Array.from(
    stdout.matchAll(
      /Name: (\S*) \(.*\n\s+Segment: (\S*) \(.*\n\s+Address: (\S+)\n\s+Size: (\S+)\n\s+Offset: (\d+)\n\s+Alignment: (\d+)\n(?:.*\n){2}\s+Type: .*\((\S+)\)/g,
    ),
    ([, name, segment, address, size, offset, align, type]) =>
      [segment, name, BigInt(address!), Number(size), Number(offset), Number(align), Number(type)].join(' '),
  );
}

function sectionsByUs(bytes: Uint8Array): string[] {
  return readMachO(bytes).sections.map(({ segname, sectname, addr, size, offset, align, flags }) =>
    [segname, sectname, addr, size, offset, align, flags & 0xff].join(' '),
  );
}

function saved(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

for (const arch of ['x64', 'arm64'] as const) {
  test(
    `sections of our ${arch} image are those of LLVM, and its document is where it should be`,
    needs('llvm-readobj'),
    () => {
      const bytes = image(arch);
      const expected = sectionsByLlvm(saved(`image-${arch}`, bytes));
      assert.ok(expected.length >= 2);
      assert.deepEqual(sectionsByUs(bytes), expected);
      const file = readMachO(bytes);
      const document = file.section('__TEXT', '__const')!;
      assert.deepEqual([...file.data(document).subarray(0, 4)], [0x7f, 0x44, 0x4f, 0x46]);
      assert.equal(file.segments.at(-1)!.segname, '__LINKEDIT');
    },
  );
}

test('the slices of a universal file are the files that it was made of', () => {
  const slices = [image('x64'), image('arm64')];
  const bytes = encodeUniversal(slices);
  assert.equal(machOKind(bytes), 'universal');
  const read = readUniversal(bytes);
  assert.deepEqual(
    read.map(({ cputype }) => cputype),
    [0x01000007, 0x0100000c],
  );
  for (const [index, { offset, size }] of read.entries())
    assert.deepEqual(bytes.subarray(offset, offset + size), slices[index]);
});

/** One segment with two sections, in the words of yaml2obj. */
function yaml(wide: boolean, little: boolean): string {
  const [header, segment, section] = wide ? [32, 72, 80] : [28, 56, 68];
  const sizeofcmds = segment! + 2 * section!;
  const data = header! + sizeofcmds;
  const common = 'reloff: 0, nreloc: 0, reserved1: 0, reserved2: 0, reserved3: 0';
  return `--- !mach-o
IsLittleEndian: ${little}
FileHeader:
  magic: ${wide ? '0xFEEDFACF' : '0xFEEDFACE'}
  cputype: ${little ? (wide ? '0x01000007' : '7') : wide ? '0x01000012' : '18'}
  cpusubtype: 3
  filetype: 2
  ncmds: 1
  sizeofcmds: ${sizeofcmds}
  flags: 0
  ${wide ? 'reserved: 0' : ''}
LoadCommands:
  - cmd: ${wide ? 'LC_SEGMENT_64' : 'LC_SEGMENT'}
    cmdsize: ${sizeofcmds}
    segname: __TEXT
    vmaddr: 4096
    vmsize: 8192
    fileoff: 0
    filesize: ${data + 16}
    maxprot: 5
    initprot: 5
    nsects: 2
    flags: 0
    Sections:
      - { sectname: sixteen_letters_, segname: __TEXT, addr: ${4096 + data}, size: 16, offset: ${data}, align: 2, flags: 0xF, content: '7F444F46000102030405060708090A0B', ${common} }
      - { sectname: __bss, segname: __TEXT, addr: 8192, size: 4000, offset: 0, align: 3, flags: 1, ${common} }
...
`;
}

for (const [wide, little] of [
  [true, true],
  [true, false],
  [false, true],
  [false, false],
] as const) {
  test(
    `a file of ${wide ? 64 : 32} bits, ${little ? 'little' : 'big'}-endian`,
    needs('yaml2obj', 'llvm-readobj'),
    () => {
      const path = join(folder, `yaml-${wide}-${little}`);
      assert.deepEqual(run('yaml2obj', saved('file.yaml', yaml(wide, little)), '-o', path).stderr, '');
      const bytes = readFileSync(path);
      const file = readMachO(bytes);
      assert.deepEqual(file.format, { class: wide ? 64 : 32, data: little ? 'lsb' : 'msb' });
      assert.deepEqual(sectionsByUs(bytes), sectionsByLlvm(path));
      const [named, bss] = file.sections;
      assert.equal(named!.sectname, 'sixteen_letters_');
      assert.equal(file.data(named!)[15], 0x0b);
      assert.equal(file.data(bss!).length, 0);
      assert.deepEqual(
        file.segments.map(({ segname, vmaddr, vmsize, initprot }) => [segname, vmaddr, vmsize, initprot]),
        [['__TEXT', 4096n, 8192n, 5]],
      );
    },
  );
}

test('sections of a debug file are in the program that it belongs to', needs('yaml2obj'), () => {
  const path = join(folder, 'debug');
  run('yaml2obj', saved('debug.yaml', yaml(true, true)), '-o', path);
  const bytes = readFileSync(path);
  // filesize and the section's offset, which then is of another file.
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(32 + 48, 0n, true);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(32 + 72 + 48, 1 << 30, true);
  const file = readMachO(bytes);
  assert.equal(file.data(file.sections[0]!).length, 0);
});

test('other files are told apart', () => {
  assert.equal(machOKind(new Uint8Array()), undefined);
  assert.equal(machOKind(Uint8Array.from(Buffer.from('cafebabe0000003d', 'hex'))), undefined); // Java 17
  assert.equal(machOKind(Uint8Array.from(Buffer.from('7f454c4602010100', 'hex'))), undefined);
  assert.throws(() => readMachO(Buffer.from('#!/bin/sh\n')), /MachOError: not a Mach-O file/);
  assert.throws(() => readMachO(new Uint8Array(3)), /a Mach-O file cannot have 3 bytes/);
  assert.throws(() => readUniversal(image('x64')), /not a universal file/);
});

test('a file that is cut off says where', () => {
  const whole = image('x64');
  for (const length of [8, 20, 31, 40, 100, 300, 700]) {
    assert.throws(() => readMachO(whole.subarray(0, length)), MachOError, String(length));
  }
  const universal = encodeUniversal([whole]);
  assert.throws(() => readUniversal(universal.subarray(0, universal.length - 1)), /slice 0: bytes/);
  assert.throws(() => readUniversal(universal.subarray(0, 20)), /1 architectures: bytes/);
});

test('damage of one field is named', () => {
  const broken = (at: number, value: number): Uint8Array => {
    const bytes = image('x64');
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);
    return bytes;
  };
  assert.throws(() => readMachO(broken(16, 1000)), /load commands do not fit|load command \d+ has/);
  assert.throws(() => readMachO(broken(20, 1 << 30)), /the load commands: bytes/);
  assert.throws(() => readMachO(broken(36, 0)), /load command 0 has 0 bytes/);
  assert.throws(() => readMachO(broken(36, 8)), /a segment command of 8 bytes/);
  assert.throws(() => readMachO(broken(32 + 64, 0xffff_ffff)), /sections do not fit into segment __TEXT/);
  assert.throws(() => readMachO(broken(32 + 72 + 48, 1 << 30)), /section __TEXT,__text: bytes/);
});

test('a damaged file is an error, never a crash', () => {
  const files = [image('x64'), encodeUniversal([image('x64'), image('arm64')])];
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(1200), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      fc.option(fc.nat()),
      (file, changes, cut) => {
        const bytes = file.slice(0, cut === null ? file.length : cut % file.length);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        try {
          const slices =
            machOKind(bytes) === 'universal'
              ? readUniversal(bytes).map(({ offset, size }) => bytes.subarray(offset, offset + size))
              : [bytes];
          for (const slice of slices) {
            const read = readMachO(slice);
            for (const section of read.sections) assert.ok(read.data(section).length <= slice.length);
          }
        } catch (error) {
          assert.ok(error instanceof MachOError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
