/**
 * The outline of an ELF file, and the sections that tell of probes.
 * @module
 */

import { type ElfFile, type ElfSection, readElf, SHT_DYNSYM, SHT_SUNW_dof, SHT_SYMTAB } from 'libusdt/codecs';
import { type Need, openSparse, type SparseFile } from './sparse-file.ts';

export const STAPSDT_SECTION = '.note.stapsdt';
export const DECLARATIONS_SECTION = '.note.libusdt';
export const USDT_SECTION = '.note.usdt';
const DOF_SECTION = '.SUNW_dof';
const NOTES: readonly string[] = [STAPSDT_SECTION, DECLARATIONS_SECTION, USDT_SECTION];

/** Linkers keep the name, and most of them the type. */
export function isDofSection({ name, type }: ElfSection): boolean {
  return name === DOF_SECTION || type === SHT_SUNW_dof;
}

/** A file's outline; `data()` is valid for what tells of probes, and after `need()` for the sections asked for. */
export interface PartialElf {
  readonly elf: ElfFile;
  readonly need: Need;
  /** Reads the symbol tables and their strings. */
  needSymbols(): void;
}

/**
 * @param fd an open file; not closed.
 * @throws ElfError for what is not an ELF file, or a malformed one; as openSparse.
 */
export function readElfFile(fd: number): PartialElf {
  return readSparseElf(openSparse(fd));
}

/** @throws ElfError for what is not an ELF file, or a malformed one; the system's error when it can't be read. */
export function readSparseElf({ bytes, whole, need }: SparseFile): PartialElf {
  if (!whole) needHeaders(bytes, need);
  const elf = readElf(bytes);
  for (const section of elf.sections) {
    if (NOTES.includes(section.name) || isDofSection(section)) need(section.offset, section.size);
  }
  return {
    elf,
    need,
    needSymbols: () => {
      for (const section of elf.sections) {
        if (section.type !== SHT_SYMTAB && section.type !== SHT_DYNSYM) continue;
        need(section.offset, section.size);
        const strings = elf.sections[section.link];
        if (strings) need(strings.offset, strings.size);
      }
    },
  };
}

/** Program headers, section headers and the names of sections, wherever the file header puts them. */
function needHeaders(bytes: Uint8Array, need: Need): void {
  const view = new DataView(bytes.buffer);
  const wide = bytes[4] === 2;
  const little = bytes[5] === 1;
  const word = (at: number): number =>
    wide ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  const e_phoff = word(wide ? 32 : 28);
  const e_shoff = word(wide ? 40 : 32);
  const counts = wide ? 54 : 42;
  const e_phentsize = view.getUint16(counts, little);
  const e_phnum = view.getUint16(counts + 2, little);
  const e_shentsize = view.getUint16(counts + 4, little);
  let shnum = view.getUint16(counts + 6, little);
  let shstrndx = view.getUint16(counts + 8, little);
  const size = bytes.length;
  need(e_phoff, e_phentsize * e_phnum);
  if (e_shoff === 0 || e_shoff + e_shentsize > size || e_shentsize < (wide ? 64 : 40)) return;
  need(e_shoff, e_shentsize);
  // Counts that do not fit into 16 bits are in the null section: sh_size, sh_link.
  if (shnum === 0) shnum = word(e_shoff + (wide ? 32 : 20));
  if (shstrndx === 0xffff) shstrndx = view.getUint32(e_shoff + (wide ? 40 : 24), little);
  need(e_shoff, e_shentsize * shnum);
  const strings = e_shoff + e_shentsize * shstrndx;
  if (strings + e_shentsize > size) return;
  need(word(strings + (wide ? 24 : 16)), word(strings + (wide ? 32 : 20)));
}
