/** Where the parts of a shared object lie in memory and in the file; see shared-object.ts. */

import type { Arch } from '../../model/target.ts';
import { alignUp, cStringLength } from '../bytes.ts';
import { checkAlign, checkNames, checkSize } from '../section.ts';
import * as elf from './constants.ts';
import { hashTableWords } from './hash.ts';
import { MACHINES } from './machines.ts';

/** A section that is loaded into memory. */
export interface PlannedSection {
  readonly name: string;
  /** SHT_*. SHT_NOBITS is filled with zeros and takes no room in the file; it must be writable. */
  readonly type: number;
  /** SHF_WRITE, SHF_EXECINSTR. SHF_ALLOC is added. */
  readonly flags: number;
  /** Bytes: 0 to 2^31-1. */
  readonly size: number;
  /** A power of two, at most the page size: 4096 on x64 and i386, 65536 on arm64. */
  readonly align: number;
}

export interface SharedObjectPlan {
  readonly arch: Arch;
  /** ELFOSABI_NONE unless told otherwise. */
  readonly osabi?: number;
  /** In this order, those that are never written to before all others, and those of zeros last. */
  readonly sections: readonly PlannedSection[];
  /** Global symbols, for `dlsym`. */
  readonly exports: readonly string[];
  /** Undefined functions. Each gets a word, of 8 bytes or in ELF32 4, filled in by the loader with the function's address. */
  readonly imports: readonly string[];
  /** How many words hold addresses of the object itself; none unless told otherwise. */
  readonly pointerCount?: number;
  /** How many program headers are added to those that a loader needs; none unless told otherwise. */
  readonly extraHeaders?: number;
}

/** Addresses, relative to where the object is loaded. */
export interface SharedObjectLayout {
  readonly plan: SharedObjectPlan;
  /** The loaded sections, in the order of their headers; number 1 is the first. */
  readonly sections: readonly LoadedSection[];
  /** Bytes that the object takes in memory, from its load address to the end of its last segment. */
  readonly memorySize: number;
  /** Address of a loaded section. It depends on the sizes of those before it alone. @throws RangeError for another name. */
  address(section: string): number;
  /** Address of the word that holds the address of an imported function. @throws RangeError for another name. */
  gotAddress(name: string): number;
}

export interface LoadedSection {
  readonly name: string;
  readonly sh_type: number;
  readonly sh_flags: number;
  readonly sh_addr: number;
  readonly sh_offset: number;
  readonly sh_size: number;
  readonly sh_addralign: number;
  readonly sh_entsize: number;
}

/** Bytes of the build id, as of a SHA-1: tools expect that. */
export const BUILD_ID_SIZE = 20;
const SEGMENTS = 5;
/** PN_XNUM means that the number is elsewhere. */
const MOST_SEGMENTS = 0xfffe;

/** Lays out a shared object. @throws RangeError for sizes, alignments or names that an ELF file cannot have. */
export function planSharedObject(plan: SharedObjectPlan): SharedObjectLayout {
  const { maxPageSize, relocations, encoder } = MACHINES[plan.arch];
  const { sizes } = encoder;
  const { word } = sizes;
  const segments = segmentCount(plan);
  if (segments > MOST_SEGMENTS) throw new RangeError(`${segments} program headers, ${MOST_SEGMENTS} at most`);
  checkSections(plan.sections, maxPageSize);
  checkNames(plan.exports, plan.imports);

  const sections: LoadedSection[] = [];
  const names = [...plan.exports, ...plan.imports];
  const symbolCount = names.length + 1;
  const relocationCount = relocationsOf(plan);
  let offset = sizes.ehdr + segments * sizes.phdr;
  let bias = 0;
  const place = (name: string, type: number, flags: number, size: number, align: number, entsize = 0) => {
    offset = alignUp(offset, align);
    const section = {
      name,
      sh_type: type,
      sh_flags: elf.SHF_ALLOC | flags,
      sh_addr: offset + bias,
      sh_offset: offset,
      sh_size: size,
      sh_addralign: align,
      sh_entsize: entsize,
    };
    sections.push(section);
    if (type !== elf.SHT_NOBITS) offset += size;
    return section;
  };
  const placeGiven = (writable: boolean): void => {
    for (const { name, type, flags, size, align } of plan.sections) {
      if (isWritable(flags) === writable) place(name, type, flags, size, align);
    }
  };

  place('.note.gnu.build-id', elf.SHT_NOTE, 0, sizes.nhdr + 4 + alignUp(BUILD_ID_SIZE, 4), 4);
  place('.hash', elf.SHT_HASH, 0, hashTableWords(symbolCount) * 4, word, 4);
  place('.dynsym', elf.SHT_DYNSYM, 0, symbolCount * sizes.sym, word, sizes.sym);
  place('.dynstr', elf.SHT_STRTAB, 0, stringTableSize(names), 1);
  if (relocationCount > 0) {
    const entsize = sizes[relocations.structure];
    place(relocations.section, relocations.sh_type, 0, relocationCount * entsize, word, entsize);
  }
  placeGiven(false);

  // The writable segment goes on where the file is, at the same place of the next free page: no padding in the file.
  offset = alignUp(offset, 8);
  bias = alignUp(offset, maxPageSize) + (offset % maxPageSize) - offset;
  const dynamicEntries = (relocationCount > 0 ? 3 : 0) + 7;
  place('.dynamic', elf.SHT_DYNAMIC, elf.SHF_WRITE, dynamicEntries * sizes.dyn, word, sizes.dyn);
  const gotSize = plan.imports.length * word;
  const got = gotSize > 0 ? place('.got', elf.SHT_PROGBITS, elf.SHF_WRITE, gotSize, word, word) : undefined;
  placeGiven(true);

  const last = sections[sections.length - 1]!;
  const gotIndex = new Map(plan.imports.map((name, index) => [name, index]));
  return {
    plan,
    sections,
    memorySize: last.sh_addr + last.sh_size,
    address: (name) => findSection(sections, name).sh_addr,
    gotAddress(name) {
      const index = gotIndex.get(name);
      if (index === undefined || got === undefined)
        throw new RangeError(`not an import of this object: ${name}`);
      return got.sh_addr + index * word;
    },
  };
}

function checkSections(sections: readonly PlannedSection[], maxPageSize: number): void {
  let zeroed: string | undefined;
  for (const { name, type, flags, size, align } of sections) {
    checkSize(name, size);
    checkAlign(name, align, maxPageSize);
    if (!isWritable(flags)) {
      if (type === elf.SHT_NOBITS) throw new RangeError(`${name} is of zeros, and must be writable`);
    } else if (type === elf.SHT_NOBITS) zeroed ??= name;
    else if (zeroed !== undefined)
      throw new RangeError(`${name} must come before ${zeroed}, which is of zeros`);
  }
  if (new Set(sections.map(({ name }) => name)).size !== sections.length)
    throw new RangeError('sections must have distinct names');
}

export function isWritable(sh_flags: number): boolean {
  return (sh_flags & elf.SHF_WRITE) !== 0;
}

export function segmentCount({ extraHeaders = 0 }: SharedObjectPlan): number {
  return SEGMENTS + extraHeaders;
}

/** How many words the loader fills in. */
export function relocationsOf({ pointerCount = 0, imports }: SharedObjectPlan): number {
  return pointerCount + imports.length;
}

/** @throws RangeError for the name of none. */
export function findSection(sections: readonly LoadedSection[], name: string): LoadedSection {
  const section = sections.find((candidate) => candidate.name === name);
  if (section === undefined) throw new RangeError(`this object was planned without ${name}`);
  return section;
}

/** Number of a section's header. @throws RangeError for the name of none. */
export function sectionIndex({ sections }: SharedObjectLayout, name: string): number {
  return sections.indexOf(findSection(sections, name)) + 1;
}

/** Where the loaded part of the file ends. */
export function loadedEnd(sections: readonly LoadedSection[]): number {
  const last = sections[sections.length - 1]!;
  return last.sh_type === elf.SHT_NOBITS ? last.sh_offset : last.sh_offset + last.sh_size;
}

export function stringTableSize(names: readonly string[]): number {
  let size = 1;
  for (const name of names) size += cStringLength(name) + 1;
  return size;
}
