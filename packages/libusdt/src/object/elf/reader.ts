/**
 * Reads the outline of any ELF file: header, sections, program headers. 32 and 64 bits, both byte orders, every type.
 *
 * Nothing about the file is trusted. A file is refused with an {@link ElfError} when a header, a section or a section's
 * name lies outside of it; the work is bounded by the size of the file. Program headers may point outside, since those
 * of a separate debug file describe the program it belongs to. What a section means is not interpreted.
 *
 * https://gabi.xinuos.com/elf/02-eheader.html
 */

import { ByteCursor } from '../byte-cursor.ts';
import { decodeText } from '../bytes.ts';
import {
  EI_NIDENT,
  EI_OSABI,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  type ElfFormat,
  EV_CURRENT,
  PN_XNUM,
  SHN_XINDEX,
  SHT_NOBITS,
  SHT_NULL,
} from './constants.ts';
import { ElfEncoder } from './encoder.ts';
import { ElfError } from './error.ts';

export { ElfError } from './error.ts';

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** SHF_* bits. */
  readonly flags: bigint;
  readonly addr: bigint;
  readonly offset: number;
  /** Bytes; those of SHT_NOBITS are not in the file. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: bigint;
  readonly entsize: bigint;
}

export interface ElfSegment {
  /** PT_*. */
  readonly type: number;
  /** PF_* bits. */
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

export interface ElfFile {
  readonly bytes: Uint8Array;
  readonly format: ElfFormat;
  /** EI_OSABI: ELFOSABI_*. */
  readonly osabi: number;
  /** ET_*. */
  readonly type: number;
  /** EM_*. */
  readonly machine: number;
  readonly entry: bigint;
  readonly flags: number;
  /** In the order of the file, the null section included, so that `sections[n].index === n`. */
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  /** The first section of that name. */
  section(name: string): ElfSection | undefined;
  /** A section's bytes, not copied; empty for SHT_NOBITS. */
  data(section: ElfSection): Uint8Array;
}

/** Real names are short; a file cannot make us decode one long string again and again. */
const MAX_NAME_BYTES = 16 * 1024 * 1024;
const EMPTY = new Uint8Array(0);

/** @throws ElfError for anything that is not a well-formed ELF file. */
export function readElf(bytes: Uint8Array): ElfFile {
  const format = readIdent(bytes);
  const { sizes } = new ElfEncoder(format);
  const file = new ByteCursor(bytes, format, (message, offset) => new ElfError(message, offset));
  file.seek(0, sizes.ehdr, 'the ELF header');
  file.at = EI_NIDENT;
  const type = file.half();
  const machine = file.half();
  if (file.word32() !== EV_CURRENT) throw new ElfError('e_version is not 1', EI_NIDENT + 4);
  const entry = file.word();
  const e_phoff = file.offset('e_phoff');
  const e_shoff = file.offset('e_shoff');
  const flags = file.word32();
  file.half(); // e_ehsize: no reader depends on it
  const e_phentsize = file.half();
  let phnum = file.half();
  const e_shentsize = file.half();
  let shnum = file.half();
  let shstrndx = file.half();

  let sections: ElfSection[] = [];
  if (e_shoff !== 0) {
    if (e_shentsize !== sizes.shdr) throw new ElfError(`e_shentsize is ${e_shentsize}, not ${sizes.shdr}`, 0);
    file.seek(e_shoff, sizes.shdr, 'the first section header');
    // Counts that do not fit into 16 bits are in the null section.
    const [first] = readSectionHeader(file, 0);
    if (shnum === 0) shnum = first.size;
    if (shstrndx === SHN_XINDEX) shstrndx = first.link;
    if (phnum === PN_XNUM) phnum = first.info;
    file.seek(e_shoff, shnum * sizes.shdr, `${shnum} section headers`);
    sections = readSections(file, shnum, shstrndx);
  } else if (shnum !== 0) {
    throw new ElfError(`${shnum} section headers but e_shoff is 0`, 0);
  }

  const segments: ElfSegment[] = [];
  if (phnum > 0) {
    if (e_phentsize !== sizes.phdr) throw new ElfError(`e_phentsize is ${e_phentsize}, not ${sizes.phdr}`, 0);
    file.seek(e_phoff, phnum * sizes.phdr, `${phnum} program headers`);
    for (let i = 0; i < phnum; i++) segments.push(readSegment(file));
  }

  const byName = new Map<string, ElfSection>();
  for (const section of sections) if (!byName.has(section.name)) byName.set(section.name, section);
  return {
    bytes,
    format,
    osabi: bytes[EI_OSABI]!,
    type,
    machine,
    entry,
    flags,
    sections,
    segments,
    section: (name) => byName.get(name),
    data: ({ type: sectionType, offset, size }) =>
      hasBytes(sectionType) ? bytes.subarray(offset, offset + size) : EMPTY,
  };
}

function readIdent(bytes: Uint8Array): ElfFormat {
  if (bytes.length < EI_NIDENT) throw new ElfError(`an ELF file cannot have ${bytes.length} bytes`, 0);
  if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    throw new ElfError('not an ELF file', 0);
  }
  const [elfClass, elfData, version] = bytes.subarray(4, 7);
  if (elfClass !== ELFCLASS32 && elfClass !== ELFCLASS64) throw new ElfError(`unknown class ${elfClass}`, 4);
  if (elfData !== ELFDATA2LSB && elfData !== ELFDATA2MSB)
    throw new ElfError(`unknown byte order ${elfData}`, 5);
  if (version !== EV_CURRENT) throw new ElfError(`unknown version ${version}`, 6);
  return { class: elfClass === ELFCLASS64 ? 64 : 32, data: elfData === ELFDATA2LSB ? 'lsb' : 'msb' };
}

function readSections(file: ByteCursor, count: number, shstrndx: number): ElfSection[] {
  const headers: [ElfSection, sh_name: number][] = [];
  for (let index = 0; index < count; index++) {
    const at = file.at;
    const header = readSectionHeader(file, index);
    const [{ type, offset, size }] = header;
    if (hasBytes(type)) file.checkRange(offset, size, `section ${index}`, at);
    headers.push(header);
  }
  if (shstrndx === 0) return headers.map(([section]) => section);
  const strings = headers[shstrndx]?.[0];
  if (strings === undefined) throw new ElfError(`e_shstrndx is ${shstrndx} of ${count} sections`, 0);
  if (!hasBytes(strings.type)) throw new ElfError('the section of the section names has no bytes', 0);

  const { offset, size } = strings;
  const table = file.bytes.subarray(offset, offset + size);
  const known = new Map<number, string>();
  let budget = MAX_NAME_BYTES;
  return headers.map(([section, sh_name]) => {
    let name = known.get(sh_name);
    if (name === undefined) {
      const end = sh_name < size ? table.indexOf(0, sh_name) : -1;
      if (end === -1)
        throw new ElfError(`the name of section ${section.index} does not end`, offset + sh_name);
      budget -= end - sh_name;
      if (budget < 0) throw new ElfError('section names are too long', offset);
      name = decodeText(table.subarray(sh_name, end));
      known.set(sh_name, name);
    }
    return { ...section, name };
  });
}

function readSectionHeader(file: ByteCursor, index: number): [ElfSection, sh_name: number] {
  const sh_name = file.word32();
  const section = {
    index,
    name: '',
    type: file.word32(),
    flags: file.word(),
    addr: file.word(),
    offset: file.offset('sh_offset'),
    size: file.offset('sh_size'),
    link: file.word32(),
    info: file.word32(),
    align: file.word(),
    entsize: file.word(),
  };
  return [section, sh_name];
}

function readSegment(file: ByteCursor): ElfSegment {
  const type = file.word32();
  let flags = file.format.class === 64 ? file.word32() : 0;
  const offset = file.word();
  const vaddr = file.word();
  file.word(); // p_paddr
  const filesz = file.word();
  const memsz = file.word();
  if (file.format.class === 32) flags = file.word32();
  return { type, flags, offset, vaddr, filesz, memsz, align: file.word() };
}

function hasBytes(type: number): boolean {
  return type !== SHT_NOBITS && type !== SHT_NULL;
}
