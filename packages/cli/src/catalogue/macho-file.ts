/**
 * The outlines of a Mach-O file's slices, and the sections that hold DOF documents.
 */

import {
  DOF_MAG,
  type MachOFile,
  type MachOSection,
  readMachO,
  readUniversal,
  S_DTRACE_DOF,
  S_REGULAR,
  SECTION_TYPE,
} from 'libusdt/codecs';
import type { Need, SparseFile } from './sparse-file.ts';

/** mach_header_64 */
const HEADER = 32;
const SIZEOFCMDS = 20;

export interface PartialMachO {
  readonly macho: MachOFile;
  /** Where the slice begins in the file. */
  readonly start: number;
  /** Reads more of the slice: offsets count from its start. */
  readonly need: Need;
  /** The sections that hold DOF documents. */
  readonly documents: readonly MachOSection[];
}

/** @throws MachOError for a malformed file, the system's error when it can't be read. */
export function readSparseMachO({ bytes, need }: SparseFile): PartialMachO {
  return readSlice(bytes, need, 0, bytes.length);
}

/** A slice as the list of a universal file has it, unread. */
export interface UnreadSlice {
  readonly cputype: number;
  readonly cpusubtype: number;
  read(): PartialMachO;
}

/** @throws MachOError for a malformed list; `read()` of a slice for a malformed slice. */
export function readSparseUniversal({ bytes, need }: SparseFile): UnreadSlice[] {
  return readUniversal(bytes).map(({ cputype, cpusubtype, offset, size }) => ({
    cputype,
    cpusubtype,
    read: () => readSlice(bytes, need, offset, size),
  }));
}

function readSlice(file: Uint8Array, needOfFile: Need, start: number, size: number): PartialMachO {
  const bytes = file.subarray(start, start + size);
  const need: Need = (offset, length) =>
    needOfFile(start + offset, Math.max(0, Math.min(length, size - offset)));
  need(0, HEADER);
  if (size >= HEADER) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
    // Whichever byte order it is in: the larger is nothing that a file could hold.
    const little = view.getUint32(SIZEOFCMDS, true);
    const big = view.getUint32(SIZEOFCMDS, false);
    need(HEADER, Math.min(little, big));
  }
  const macho = readMachO(bytes);
  const documents = macho.sections.filter((section) => {
    if ((section.flags & SECTION_TYPE) !== S_DTRACE_DOF && !isOurs(section, bytes, need)) return false;
    need(section.offset, section.size);
    return true;
  });
  return { macho, start, need, documents };
}

/**
 * Images of libusdt have their document in an ordinary section, since they register it by themselves. Other files have
 * megabytes of constants there.
 */
function isOurs(
  { segname, sectname, offset, size, flags }: MachOSection,
  bytes: Uint8Array,
  need: Need,
): boolean {
  if (segname !== '__TEXT' || sectname !== '__const' || (flags & SECTION_TYPE) !== S_REGULAR) return false;
  if (size < DOF_MAG.length) return false;
  need(offset, DOF_MAG.length);
  return DOF_MAG.every((byte, index) => bytes[offset + index] === byte);
}
