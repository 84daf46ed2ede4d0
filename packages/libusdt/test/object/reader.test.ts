import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import { SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from '../../src/object/elf/constants.ts';
import { planSharedObject } from '../../src/object/elf/plan.ts';
import { ElfError, readElf } from '../../src/object/elf/reader.ts';
import { writeSharedObject } from '../../src/object/elf/shared-object.ts';
import { run } from './tools.ts';

const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';
const folder = temporaryFolder();

/** Sections as `readelf -SW` prints them: number, name, type as a word, address, offset, size. */
function sectionsByReadelf(path: string): string[] {
  const { stdout, stderr } = run('readelf', '-SW', path);
  assert.equal(stderr, '');
  return [...stdout.matchAll(/^ +\[ *(\d+)\] (\S+) +\S+ +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) /gm)].map(
    ([, index, name, addr, offset, size]) =>
      [index, name, BigInt(`0x${addr}`), parseInt(offset!, 16), parseInt(size!, 16)].join(' '),
  );
}

for (const path of [LIBC, process.execPath, '/usr/aarch64-linux-gnu/lib/libc.so.6']) {
  test(`sections of ${path} are those of readelf`, needs('readelf', path), () => {
    const { sections } = readElf(readFileSync(path));
    const expected = sectionsByReadelf(path);
    assert.ok(expected.length > 20);
    assert.deepEqual(
      sections
        .slice(1)
        .map(({ index, name, addr, offset, size }) => [index, name, addr, offset, size].join(' ')),
      expected,
    );
  });
}

test('foreign classes and byte orders', needs('yaml2obj'), () => {
  const yaml = join(folder, 'file.yaml');
  const object = join(folder, 'file.o');
  for (const [elfClass, data, machine] of [
    [32, 'lsb', 'EM_ARM'],
    [32, 'msb', 'EM_PPC'],
    [64, 'msb', 'EM_S390'],
    [64, 'lsb', 'EM_RISCV'],
  ] as const) {
    writeFileSync(
      yaml,
      `--- !ELF
FileHeader: { Class: ELFCLASS${elfClass}, Data: ELFDATA2${data.toUpperCase()}, Type: ET_REL, Machine: ${machine} }
Sections:
  - { Name: .one, Type: SHT_PROGBITS, Flags: [SHF_ALLOC], Address: 0x8000, AddressAlign: 16, Content: "deadbeef" }
  - { Name: .two, Type: SHT_NOBITS, Size: 0x7000000 }
`,
    );
    assert.equal(run('yaml2obj', yaml, '-o', object).status, 0);
    const file = readElf(readFileSync(object));
    assert.deepEqual(file.format, { class: elfClass, data });
    const one = file.section('.one')!;
    assert.deepEqual(
      [one.index, one.type, one.flags, one.addr, one.size, one.align],
      [1, 1, 2n, 0x8000n, 4, 16n],
    );
    assert.deepEqual([...file.data(one)], [0xde, 0xad, 0xbe, 0xef]);
    const two = file.section('.two')!;
    assert.equal(two.size, 0x7000000);
    assert.equal(file.data(two).length, 0);
    assert.equal(file.section('.three'), undefined);
  }
});

function image(): Uint8Array {
  const layout = planSharedObject({
    arch: 'x64',
    sections: [
      { name: '.text', type: SHT_PROGBITS, flags: SHF_EXECINSTR, size: 64, align: 64 },
      { name: '.stapsdt.base', type: SHT_PROGBITS, flags: 0, size: 1, align: 1 },
      { name: '.bss', type: SHT_NOBITS, flags: SHF_WRITE, size: 8, align: 8 },
    ],
    exports: ['a'],
    imports: ['b'],
  });
  const exports = [{ name: 'a', section: '.text', offset: 0, size: 1 }];
  return writeSharedObject(layout, { sections: {}, exports, buildId: new Uint8Array(20) });
}

const E_PHOFF = 32;
const E_SHOFF = 40;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const E_SHENTSIZE = 58;
const E_SHNUM = 60;
const E_SHSTRNDX = 62;

test('each malformed header is named', () => {
  const refused = (change: (view: DataView) => void, message: RegExp) => {
    const bytes = image();
    change(new DataView(bytes.buffer));
    assert.throws(
      () => readElf(bytes),
      (error) => error instanceof ElfError && Number.isInteger(error.offset) && message.test(error.message),
      message.source,
    );
  };
  refused((view) => view.setUint8(0, 0), /not an ELF file/);
  refused((view) => view.setUint8(4, 3), /unknown class 3/);
  refused((view) => view.setUint8(5, 0), /unknown byte order 0/);
  refused((view) => view.setUint8(6, 2), /unknown version 2/);
  refused((view) => view.setUint32(20, 0, true), /e_version/);
  refused((view) => view.setBigUint64(E_SHOFF, 0n, true), /e_shoff is 0/);
  refused((view) => view.setBigUint64(E_SHOFF, 1n << 63n, true), /e_shoff is 9223372036854775808/);
  refused((view) => view.setBigUint64(E_PHOFF, 1n << 52n, true), /program headers/);
  refused((view) => view.setUint16(E_PHENTSIZE, 1, true), /e_phentsize/);
  refused((view) => view.setUint16(E_PHNUM, 0xfffe, true), /65534 program headers/);
  refused((view) => view.setUint16(E_SHENTSIZE, 0, true), /e_shentsize/);
  refused((view) => view.setUint16(E_SHNUM, 0xffff, true), /65535 section headers/);
  refused((view) => view.setUint16(E_SHSTRNDX, 99, true), /e_shstrndx is 99/);
  const shdr = (view: DataView, index: number) => Number(view.getBigUint64(E_SHOFF, true)) + index * 64;
  refused((view) => view.setUint32(shdr(view, 1), 0xffff, true), /the name of section 1 does not end/);
  refused((view) => view.setBigUint64(shdr(view, 2) + 32, 1n << 40n, true), /section 2: bytes/);
  for (const size of [0, 3, 15, 16, 63]) assert.throws(() => readElf(image().subarray(0, size)), ElfError);
});

test('counts that do not fit into the header are in the null section', () => {
  const bytes = image();
  const plain = readElf(bytes);
  const view = new DataView(bytes.buffer);
  const first = Number(view.getBigUint64(E_SHOFF, true));
  view.setUint16(E_SHNUM, 0, true);
  view.setUint16(E_SHSTRNDX, 0xffff, true);
  view.setUint16(E_PHNUM, 0xffff, true);
  view.setBigUint64(first + 32, BigInt(plain.sections.length), true);
  view.setUint32(first + 40, plain.section('.shstrtab')!.index, true);
  view.setUint32(first + 44, plain.segments.length, true);
  const extended = readElf(bytes);
  assert.deepEqual(extended.sections.slice(1), plain.sections.slice(1));
  assert.deepEqual(extended.segments, plain.segments);
});

test('a file whose section names are one endless string over and over is refused quickly', () => {
  const count = 4000;
  const strings = 1 << 20;
  const bytes = new Uint8Array(64 + strings + count * 64).fill(0x61, 64, 64 + strings - 1);
  const view = new DataView(bytes.buffer);
  bytes.set(image().subarray(0, 64));
  view.setUint16(E_PHNUM, 0, true);
  view.setUint16(E_SHNUM, count, true);
  view.setUint16(E_SHSTRNDX, 1, true);
  view.setBigUint64(E_SHOFF, BigInt(64 + strings), true);
  for (let i = 1; i < count; i++) {
    const at = 64 + strings + i * 64;
    view.setUint32(at, i, true);
    view.setUint32(at + 4, 3, true);
    view.setBigUint64(at + 24, 64n, true);
    view.setBigUint64(at + 32, BigInt(strings), true);
  }
  assert.throws(() => readElf(bytes), /section names are too long/);
});

test('a mutated file is read within its bounds or refused with an ElfError', () => {
  const originals = [image(), ...(existsSync(LIBC) ? [new Uint8Array(readFileSync(LIBC))] : [])];
  const interesting = [0, 1, 0x7f, 0x80, 0xff];
  for (const original of originals) {
    const outline = readElf(original);
    const headers = Number(new DataView(original.buffer, original.byteOffset).getBigUint64(E_SHOFF, true));
    const offsets = fc.oneof(
      fc.nat(63),
      fc.nat(64 + 56 * outline.segments.length),
      fc.nat(64 * outline.sections.length).map((n) => headers + n),
    );
    const mutations = fc.array(fc.tuple(offsets, fc.oneof(fc.nat(255), fc.constantFrom(...interesting))), {
      minLength: 1,
      maxLength: 6,
    });
    // Bytes after the file show a read that leaves it.
    const room = new Uint8Array(original.length + 64).fill(0xee);
    const bytes = room.subarray(0, original.length);
    fc.assert(
      fc.property(mutations, fc.option(fc.nat(original.length)), (changes, cut) => {
        bytes.set(original);
        for (const [offset, value] of changes) if (offset < bytes.length) bytes[offset] = value;
        const candidate = cut === null ? bytes : bytes.subarray(0, cut);
        try {
          const file = readElf(candidate);
          for (const section of file.sections) {
            const data = file.data(section);
            assert.ok(data.byteOffset + data.length <= candidate.byteOffset + candidate.length);
            if (section.type !== 0 && section.type !== 8) assert.equal(data.length, section.size);
          }
        } catch (error) {
          if (!(error instanceof ElfError)) throw error;
        }
      }),
      { numRuns: original.length > 1_000_000 ? 150 : 1500 },
    );
  }
});
