import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import type { ElfFormat } from '../../src/object/elf/constants.ts';
import { ElfEncoder } from '../../src/object/elf/encoder.ts';
import { readElf } from '../../src/object/elf/reader.ts';
import { run } from './tools.ts';

const folder = temporaryFolder();
const FORMATS: readonly ElfFormat[] = [
  { class: 32, data: 'lsb' },
  { class: 32, data: 'msb' },
  { class: 64, data: 'lsb' },
  { class: 64, data: 'msb' },
];
const EM_PPC = 20;
const EM_PPC64 = 21;

/** One of each structure, with a different value in every field. */
function everyStructure(format: ElfFormat): Uint8Array {
  const encoder = new ElfEncoder(format);
  const { sizes } = encoder;
  const bytes = new Uint8Array(2048);
  const view = new DataView(bytes.buffer);
  const strings = '\0first\0.dynsym\0.dynstr\0.rela.dyn\0.dynamic\0.note.x\0.rel.dyn\0';
  const name = (text: string) => strings.indexOf(`\0${text}\0`) + 1;
  const at = {
    phdr: 0x80,
    sym: 0x200,
    str: 0x280,
    rela: 0x300,
    dyn: 0x340,
    rel: 0x3c0,
    note: 0x380,
    shdr: 0x400,
  };
  let end = encoder.ehdr(view, 0, {
    e_type: 3,
    e_machine: format.class === 64 ? EM_PPC64 : EM_PPC,
    e_entry: 0x1234,
    e_phoff: at.phdr,
    e_shoff: at.shdr,
    e_flags: 0,
    e_phnum: 2,
    e_shnum: 7,
    e_shstrndx: 2,
  });
  assert.equal(end, sizes.ehdr);
  const load = {
    p_type: 1,
    p_flags: 5,
    p_offset: 0,
    p_vaddr: 0x10000,
    p_filesz: 0x800,
    p_memsz: 0x900,
    p_align: 4096,
  };
  end = encoder.phdr(view, at.phdr, load);
  const dynamic = { ...load, p_type: 2, p_flags: 6, p_offset: at.dyn, p_vaddr: 0x10000 + at.dyn, p_align: 8 };
  end = encoder.phdr(view, end, { ...dynamic, p_filesz: 2 * sizes.dyn, p_memsz: 2 * sizes.dyn });
  assert.equal(end, at.phdr + 2 * sizes.phdr);

  const symbol = {
    st_name: 1,
    st_bind: 1,
    st_type: 2,
    st_other: 2,
    st_shndx: 4,
    st_value: 0x10abc,
    st_size: 77,
  };
  assert.equal(encoder.sym(view, at.sym + sizes.sym, symbol), at.sym + 2 * sizes.sym);
  bytes.set(new TextEncoder().encode(strings), at.str);
  const relocation = { r_offset: 0x10100, r_sym: 1, r_type: 20, r_addend: -8 };
  assert.equal(encoder.rela(view, at.rela, relocation), at.rela + sizes.rela);
  assert.equal(encoder.rel(view, at.rel, { ...relocation, r_offset: 0x10200 }), at.rel + sizes.rel);
  end = encoder.dyn(view, at.dyn, { d_tag: 30, d_un: 8 });
  assert.equal(encoder.dyn(view, end, { d_tag: 0, d_un: 0 }), at.dyn + 2 * sizes.dyn);
  end = encoder.nhdr(view, at.note, { n_namesz: 4, n_descsz: 4, n_type: 0x51 });
  bytes.set([0x61, 0x62, 0x63, 0, 1, 2, 3, 4], end);

  const sections = [
    ['.dynsym', 11, at.sym, 2 * sizes.sym, 2, 1, sizes.sym, 8],
    ['.dynstr', 3, at.str, strings.length, 0, 0, 0, 1],
    ['.rela.dyn', 4, at.rela, sizes.rela, 1, 0, sizes.rela, 8],
    ['.dynamic', 6, at.dyn, 2 * sizes.dyn, 2, 0, sizes.dyn, 8],
    ['.note.x', 7, at.note, 20, 0, 0, 0, 4],
    ['.rel.dyn', 9, at.rel, sizes.rel, 1, 0, sizes.rel, 8],
  ] as const;
  end = at.shdr + sizes.shdr;
  for (const [text, sh_type, sh_offset, sh_size, sh_link, sh_info, sh_entsize, sh_addralign] of sections) {
    const common = { sh_name: name(text), sh_type, sh_flags: 2, sh_addr: 0x10000 + sh_offset, sh_offset };
    end = encoder.shdr(view, end, { ...common, sh_size, sh_link, sh_info, sh_addralign, sh_entsize });
  }
  assert.equal(end, at.shdr + 7 * sizes.shdr);
  return bytes;
}

for (const format of FORMATS) {
  const title = `ELF${format.class} ${format.data}`;
  test(`our reader reads back the ${title} outline, and readelf every structure`, () => {
    const bytes = everyStructure(format);
    const file = readElf(bytes);
    assert.deepEqual(file.format, format);
    assert.deepEqual(
      [file.type, file.machine, file.entry],
      [3, format.class === 64 ? EM_PPC64 : EM_PPC, 0x1234n],
    );
    assert.deepEqual(file.segments[0], {
      type: 1,
      flags: 5,
      offset: 0n,
      vaddr: 0x10000n,
      filesz: 0x800n,
      memsz: 0x900n,
      align: 4096n,
    });
    const { sizes } = new ElfEncoder(format);
    assert.deepEqual(file.section('.rela.dyn'), {
      index: 3,
      name: '.rela.dyn',
      type: 4,
      flags: 2n,
      addr: 0x10300n,
      offset: 0x300,
      size: sizes.rela,
      link: 1,
      info: 0,
      align: 8n,
      entsize: BigInt(sizes.rela),
    });
    assert.deepEqual(file.data(file.section('.note.x')!), bytes.subarray(0x380, 0x380 + 20));
    if (without('readelf')) return;
    const path = join(folder, `all-${format.class}-${format.data}`);
    writeFileSync(path, everyStructure(format));
    const { stdout, stderr } = run('readelf', '-hlSWsrdn', path);
    assert.equal(stderr, '');
    const seen = stdout.replace(/\b(0x)?0+(?=[0-9a-f])/g, '$1').replace(/[ \t]+/g, ' ');
    for (const expected of [
      `Class: ELF${format.class}`,
      `Data: 2's complement, ${format.data === 'lsb' ? 'little' : 'big'} endian`,
      'Entry point address: 0x1234',
      ' LOAD 0x0 0x10000 0x10000 0x800 0x900 R E 0x1000',
      ' DYNAMIC 0x340 0x10340 0x10340 ',
      ' .rela.dyn RELA 10300 300 ',
      ' 1: 10abc 77 FUNC GLOBAL HIDDEN 4 first',
      ' 10abc first - 8',
      ' .rel.dyn REL 103c0 3c0 ',
      ' 10abc first\n',
      '(FLAGS) BIND_NOW',
      ' abc 0x4 Unknown note type: (0x51)',
      'description data: 01 02 03 04'.replace(/\b0+(?=[0-9a-f])/g, ''),
    ]) {
      assert.ok(seen.includes(expected), `${expected} in ${seen}`);
    }
  });
}

test('words are written exactly, or not at all', () => {
  const view = new DataView(new ArrayBuffer(8));
  for (const data of ['lsb', 'msb'] as const) {
    const wide = new ElfEncoder({ class: 64, data });
    for (const value of [0, 1, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER, 0xffffffff_ffffffffn]) {
      wide.word(view, 0, value);
      assert.equal(view.getBigUint64(0, data === 'lsb'), BigInt(value));
    }
    for (const value of [-1, 0.5, 2 ** 53, NaN, -1n, 1n << 64n]) {
      assert.throws(() => wide.word(view, 0, value), RangeError, String(value));
    }
    const narrow = new ElfEncoder({ class: 32, data });
    assert.equal(narrow.word(view, 0, 0xffffffffn), 4);
    assert.throws(() => narrow.word(view, 0, 0x100000000), RangeError);
    assert.throws(() => narrow.word(view, 0, 1n << 63n), RangeError);
    assert.throws(() => narrow.half(view, 0, 0x10000), RangeError);
  }
});
