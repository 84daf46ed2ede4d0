/**
 * Reads the outline of a Mach-O file: header, load commands, segments, sections. 32 and 64 bits, both byte orders,
 * every type; and the slices of a universal file.
 *
 *     header         magic, cputype, filetype, ncmds, sizeofcmds
 *     load commands  cmd, cmdsize and what the command says, ncmds times:
 *                    LC_SEGMENT_64 has a range of addresses, its place in the file, and the headers of its sections
 *     the rest       wherever the commands say
 *
 * A universal ("fat") file is a big-endian list of architectures, and a whole file for each ("slice"). All offsets of a
 * slice count from the start of the slice.
 *
 * Nothing about the file is trusted. It is refused with a {@link MachOError} when the header, a command or a section
 * lies outside of it; the work is bounded by the size of the file. Segments may point outside, since those of a separate
 * debug file (dSYM) describe the program that it belongs to; the sections of these have no bytes. What a section means
 * is not interpreted.
 *
 * https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h
 */

import { ByteCursor } from '../byte-cursor.ts';
import * as macho from './constants.ts';
import * as sizes from './encoder.ts';
import { MachOError } from './error.ts';

export { MachOError } from './error.ts';

export interface MachOSection {
  readonly segname: string;
  readonly sectname: string;
  readonly addr: bigint;
  /** From the start of the file or slice. 0 for sections that are not in the file. */
  readonly offset: number;
  /** Bytes; those of zero-filled sections are not in the file. */
  readonly size: number;
  /** log2 of the alignment. */
  readonly align: number;
  /** S_* type and attributes. */
  readonly flags: number;
}

export interface MachOSegment {
  readonly segname: string;
  readonly vmaddr: bigint;
  readonly vmsize: bigint;
  readonly fileoff: bigint;
  readonly filesize: bigint;
  /** VM_PROT_* bits. */
  readonly initprot: number;
}

export interface MachOFile {
  readonly bytes: Uint8Array;
  readonly format: MachOFormat;
  /** CPU_TYPE_*. */
  readonly cputype: number;
  readonly cpusubtype: number;
  /** MH_*. */
  readonly filetype: number;
  readonly flags: number;
  /** In the order of the file, those of all segments. */
  readonly sections: readonly MachOSection[];
  readonly segments: readonly MachOSegment[];
  /** The first section of that name. */
  section(segname: string, sectname: string): MachOSection | undefined;
  /** A section's bytes, not copied; empty where they are not in the file. */
  data(section: MachOSection): Uint8Array;
}

/** Word size and byte order, as the magic tells. */
export interface MachOFormat {
  readonly class: 32 | 64;
  readonly data: 'lsb' | 'msb';
}

/** A file within a universal file. */
export interface MachOSlice {
  readonly cputype: number;
  readonly cpusubtype: number;
  readonly offset: number;
  readonly size: number;
}

/** Sizes of the structures that exist in two widths: mach_header, segment_command, section. */
const WIDTHS = {
  32: { header: 28, segment: 56, section: 68 },
  64: { header: sizes.MACH_HEADER_64, segment: sizes.SEGMENT_COMMAND_64, section: sizes.SECTION_64 },
} as const;
const FAT_HEADER = 8;
const FAT_ARCH = { 32: 20, 64: 32 } as const;
/**
 * Java class files have the magic of universal files too, and then a version, of 45 at least: no universal file has so
 * many slices. https://github.com/llvm/llvm-project/blob/main/llvm/lib/BinaryFormat/Magic.cpp draws the line at 43.
 */
const MAX_SLICES = 42;
const NAME = 16;
const EMPTY = new Uint8Array(0);

/** What a file's first bytes, eight at least, say that it is. */
export function machOKind(header: Uint8Array): 'thin' | 'universal' | undefined {
  if (header.length < FAT_HEADER) return undefined;
  const view = viewOf(header);
  const magic = view.getUint32(0);
  if (magic === macho.FAT_MAGIC || magic === macho.FAT_MAGIC_64) {
    return view.getUint32(4) <= MAX_SLICES ? 'universal' : undefined;
  }
  return formatOf(view) && 'thin';
}

/**
 * The slices of a universal file, each within the file.
 * @throws MachOError for anything that is not a well-formed universal file; what is in the slices is not looked at.
 */
export function readUniversal(bytes: Uint8Array): MachOSlice[] {
  if (machOKind(bytes) !== 'universal') throw new MachOError('not a universal file', 0);
  const view = viewOf(bytes);
  const width = view.getUint32(0) === macho.FAT_MAGIC_64 ? 64 : 32;
  const count = view.getUint32(4);
  const entry = FAT_ARCH[width];
  const file = new ByteCursor(bytes, { class: width, data: 'msb' }, malformed);
  file.checkRange(FAT_HEADER, count * entry, `${count} architectures`, 0);
  return Array.from({ length: count }, (_, index) => {
    const at = FAT_HEADER + index * entry;
    file.at = at;
    const [cputype, cpusubtype] = [file.word32(), file.word32()];
    const [offset, size] = [file.offset('an offset'), file.offset('a size')];
    file.checkRange(offset, size, `slice ${index}`, at);
    return { cputype, cpusubtype, offset, size };
  });
}

/** @throws MachOError for anything that is not a well-formed file of one architecture. */
export function readMachO(bytes: Uint8Array): MachOFile {
  if (bytes.length < FAT_HEADER) throw new MachOError(`a Mach-O file cannot have ${bytes.length} bytes`, 0);
  const format = formatOf(viewOf(bytes));
  if (format === undefined) throw new MachOError('not a Mach-O file', 0);
  const width = WIDTHS[format.class];
  const file = new ByteCursor(bytes, format, malformed);
  file.seek(0, width.header, 'the header');
  file.word32(); // magic
  const [cputype, cpusubtype, filetype] = [file.word32(), file.word32(), file.word32()];
  const [ncmds, sizeofcmds, flags] = [file.word32(), file.word32(), file.word32()];
  file.checkRange(width.header, sizeofcmds, 'the load commands', 0);

  const segments: MachOSegment[] = [];
  const sections: MachOSection[] = [];
  const end = width.header + sizeofcmds;
  let at = width.header;
  for (let index = 0; index < ncmds; index++) {
    if (at + 8 > end) throw new MachOError(`${ncmds} load commands do not fit into ${sizeofcmds} bytes`, at);
    file.at = at;
    const cmd = file.word32();
    const cmdsize = file.word32();
    if (cmdsize < 8 || at + cmdsize > end) {
      throw new MachOError(`load command ${index} has ${cmdsize} bytes of ${end - at}`, at);
    }
    if (cmd === (format.class === 64 ? macho.LC_SEGMENT_64 : macho.LC_SEGMENT)) {
      segments.push(readSegment(file, at, cmdsize, sections));
    }
    at += cmdsize;
  }

  const byName = new Map<string, MachOSection>();
  for (const section of sections) {
    const name = `${section.segname},${section.sectname}`;
    if (!byName.has(name)) byName.set(name, section);
  }
  return {
    ...{ bytes, format, cputype, cpusubtype, filetype, flags, sections, segments },
    section: (segname, sectname) => byName.get(`${segname},${sectname}`),
    data: (section) =>
      hasBytes(section) ? bytes.subarray(section.offset, section.offset + section.size) : EMPTY,
  };
}

/** Reads what follows `cmd` and `cmdsize` of one LC_SEGMENT or LC_SEGMENT_64, which lies in the file. */
function readSegment(file: ByteCursor, at: number, cmdsize: number, into: MachOSection[]): MachOSegment {
  const width = WIDTHS[file.format.class];
  if (cmdsize < width.segment) throw new MachOError(`a segment command of ${cmdsize} bytes`, at);
  const segname = file.text(NAME);
  const [vmaddr, vmsize, fileoff, filesize] = [file.word(), file.word(), file.word(), file.word()];
  file.word32(); // maxprot
  const segment = { segname, vmaddr, vmsize, fileoff, filesize, initprot: file.word32() };
  const nsects = file.word32();
  if (width.segment + nsects * width.section > cmdsize) {
    throw new MachOError(`${nsects} sections do not fit into segment ${segname}`, at);
  }
  for (let i = 0; i < nsects; i++) {
    file.at = at + width.segment + i * width.section;
    into.push(readSection(file, segment));
  }
  return segment;
}

function readSection(file: ByteCursor, { filesize, fileoff }: MachOSegment): MachOSection {
  const start = file.at;
  const sectname = file.text(NAME);
  const segname = file.text(NAME);
  const addr = file.word();
  const size = file.offset('a size');
  const offset = file.word32();
  const align = file.word32();
  file.word32(); // reloff
  file.word32(); // nreloc
  const flags = file.word32();
  // Those of a debug file are in the program that it belongs to.
  const elsewhere = filesize === 0n && fileoff === 0n;
  const section = { segname, sectname, addr, offset: elsewhere ? 0 : offset, size, align, flags };
  if (hasBytes(section)) file.checkRange(offset, size, `section ${segname},${sectname}`, start);
  return section;
}

function hasBytes({ flags, offset }: MachOSection): boolean {
  const type = flags & macho.SECTION_TYPE;
  return (
    offset !== 0 &&
    type !== macho.S_ZEROFILL &&
    type !== macho.S_GB_ZEROFILL &&
    type !== macho.S_THREAD_LOCAL_ZEROFILL
  );
}

function formatOf(view: DataView): MachOFormat | undefined {
  for (const data of ['lsb', 'msb'] as const) {
    const magic = view.getUint32(0, data === 'lsb');
    if (magic === macho.MH_MAGIC_64) return { class: 64, data };
    if (magic === macho.MH_MAGIC) return { class: 32, data };
  }
  return undefined;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function malformed(message: string, offset: number): MachOError {
  return new MachOError(message, offset);
}
