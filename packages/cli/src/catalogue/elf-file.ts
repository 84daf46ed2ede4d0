/**
 * Reads of an ELF file only what tells of its probes: a program of 100 MB has its notes in a few kilobytes.
 *
 * The reader of libusdt wants the whole file as one array. So it gets one: of the file's size, filled only where it
 * looks. Memory that nobody touches is never allocated by the operating system, and the reader's checks all hold.
 * @module
 */

import * as fs from 'node:fs';
import { ElfError, type ElfFile, readElf, SHT_DYNSYM, SHT_SYMTAB } from 'libusdt/codecs';
import { DECLARATIONS_SECTION, STAPSDT_SECTION } from './elf-probes.ts';

/** Files up to this size are read at once: it is quicker than looking for the parts. */
const WHOLE = 256 * 1024;
/** Far above any program; an array of that size can be made. */
const LARGEST = 2 ** 32;
const PAGE = 4096;

/** A file's outline; `data()` is valid for the notes, and after `need()` for the sections asked for. */
export interface PartialElf {
  readonly elf: ElfFile;
  /** Reads more of the file: a range of it. */
  need(offset: number, size: number): void;
  /** Reads the symbol tables and their strings. */
  needSymbols(): void;
}

/**
 * @param fd an open file; not closed.
 * @throws ElfError for what is not an ELF file, or a malformed one; the system's error when it can't be read.
 */
export function readElfFile(fd: number): PartialElf {
  const { size } = fs.fstatSync(fd);
  if (size > LARGEST) throw new ElfError(`a file of ${size} bytes is too large`, 0);
  const bytes = new Uint8Array(size);
  const present = new Uint8Array(Math.ceil(size / PAGE));
  const fill = (from: number, to: number): void => {
    for (let at = from; at < to; ) {
      const read = fs.readSync(fd, bytes, at, to - at, at);
      if (read === 0) throw new ElfError('the file became shorter while it was read', at);
      at += read;
    }
  };
  // By pages, each once: a program may have thousands of probes beside each other.
  const need = (offset: number, length: number): void => {
    const end = Math.ceil(Math.min(offset + length, size) / PAGE);
    for (let page = Math.floor(offset / PAGE); page < end; page++) {
      if (present[page] === 1) continue;
      const first = page;
      while (page < end && present[page] === 0) present[page++] = 1;
      fill(first * PAGE, Math.min(page * PAGE, size));
    }
  };
  if (size <= WHOLE) need(0, size);
  else {
    need(0, PAGE);
    needHeaders(bytes, need);
  }
  const elf = readElf(bytes);
  if (size > WHOLE) {
    for (const section of elf.sections) {
      if (section.name === STAPSDT_SECTION || section.name === DECLARATIONS_SECTION)
        need(section.offset, section.size);
    }
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
function needHeaders(bytes: Uint8Array, need: (offset: number, size: number) => void): void {
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
