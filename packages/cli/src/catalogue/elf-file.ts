/**
 * The outline of an ELF file, and the sections that tell of probes.
 */

import { type ElfFile, type ElfSection, readElf, SHT_DYNSYM, SHT_SUNW_dof, SHT_SYMTAB } from 'libusdt/codecs';
import { LIMITS, mebibytes } from './limits.ts';
import { FileSizeError, type Need, openSparse, type SparseFile } from './sparse-file.ts';

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
  /** What of its sections is too large to be read: a sentence each. `data()` has the part before. */
  readonly passedOver: readonly string[];
}

/** @throws ElfError for what is not an ELF file, or a malformed one; as openSparse. */
export function readSparseElf(file: SparseFile): PartialElf {
  const { need } = file;
  const elf = readOutline(file);
  const parts = new Map<ElfSection, Uint8Array>();
  const passedOver: string[] = [];
  let left: number = LIMITS.noteBytes;
  for (const section of elf.sections) {
    const isNote = NOTES.includes(section.name);
    if (!isNote && !isDofSection(section)) continue;
    const data = elf.data(section);
    const room = Math.min(data.length, left);
    // Half a document is none.
    const size = isNote || room === data.length ? room : 0;
    need(section.offset, size);
    const end = isNote ? endOfNotes(data, size, elf.format.data === 'lsb') : size;
    left -= end;
    if (end === data.length) continue;
    parts.set(section, data.subarray(0, end));
    passedOver.push(
      `its section ${section.name} of ${mebibytes(data.length)} is too large: what is behind the first ${mebibytes(end)} is passed over`,
    );
  }
  return { elf: { ...elf, data: (section) => parts.get(section) ?? elf.data(section) }, need, passedOver };
}

/**
 * A file with its symbol tables and their strings.
 * @param fd an open file; not closed.
 * @throws ElfError for what is not an ELF file, or a malformed one; as openSparse.
 */
export function readElfSymbols(fd: number): ElfFile {
  const file = openSparse(fd, LIMITS.symbolBytes);
  const elf = readOutline(file);
  for (const section of elf.sections) {
    if (section.type !== SHT_SYMTAB && section.type !== SHT_DYNSYM) continue;
    file.need(section.offset, section.size);
    const strings = elf.sections[section.link];
    if (strings) file.need(strings.offset, strings.size);
  }
  return elf;
}

function readOutline({ bytes, whole, need }: SparseFile): ElfFile {
  if (!whole) needHeaders(bytes, need);
  return readElf(bytes);
}

/** Elf64_Nhdr, Elf32_Nhdr. */
const NHDR_SIZE = 12;
/** The number of program headers is in the null section: sh_info. */
const PN_XNUM = 0xffff;

/** Where the notes end that lie within `room` bytes and are not too many. What is damaged is for their reader to say. */
function endOfNotes(data: Uint8Array, room: number, little: boolean): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const aligned = (at: number): number => Math.ceil(at / 4) * 4;
  let at = 0;
  for (let count = 0; at < data.length; count++) {
    const fits = at + NHDR_SIZE <= room;
    const desc = fits ? aligned(at + NHDR_SIZE + view.getUint32(at, little)) : room;
    const end = fits ? desc + view.getUint32(at + 4, little) : Number.POSITIVE_INFINITY;
    if (end > room) return room === data.length ? data.length : at;
    if (count === LIMITS.notes) return at;
    at = aligned(end);
  }
  return data.length;
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
  if (e_phnum !== PN_XNUM) need(e_phoff, e_phentsize * e_phnum);
  if (e_shoff === 0 || e_shoff + e_shentsize > size || e_shentsize < (wide ? 64 : 40)) return;
  need(e_shoff, e_shentsize);
  // Counts that do not fit into 16 bits are in the null section: sh_size, sh_link.
  if (shnum === 0) shnum = word(e_shoff + (wide ? 32 : 20));
  if (shstrndx === 0xffff) shstrndx = view.getUint32(e_shoff + (wide ? 40 : 24), little);
  const phnum = e_phnum === PN_XNUM ? view.getUint32(e_shoff + (wide ? 44 : 28), little) : e_phnum;
  if (shnum > LIMITS.sections) throw new FileSizeError(`${shnum} sections are too many`);
  if (phnum > LIMITS.segments) throw new FileSizeError(`${phnum} segments are too many`);
  need(e_shoff, e_shentsize * shnum);
  if (e_phnum === PN_XNUM) need(e_phoff, e_phentsize * phnum);
  const strings = e_shoff + e_shentsize * shstrndx;
  if (strings + e_shentsize > size) return;
  need(word(strings + (wide ? 24 : 16)), word(strings + (wide ? 32 : 20)));
}
