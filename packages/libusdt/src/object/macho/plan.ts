/** Where the parts of a Mach-O bundle lie in memory and in the file; see bundle.ts. */

import type { Arch } from '../../model/target.ts';
import { alignUp } from '../bytes.ts';
import { checkAlign, checkNames, checkSize } from '../section.ts';
import * as macho from './constants.ts';
import { cpuOf } from './cpus.ts';
import * as sizes from './encoder.ts';
import { loadDylibSize, type Section64, type Segment64 } from './encoder.ts';

/** A section with code, constants or data. */
export interface PlannedSection {
  readonly sectname: string;
  /** `__DATA` may be written to. */
  readonly segname: '__TEXT' | '__DATA';
  /** S_* type and attributes. S_ZEROFILL is filled with zeros and takes no room in the file; it must be in `__DATA`. */
  readonly flags: number;
  /** Bytes: 0 to 2^31-1. */
  readonly size: number;
  /** A power of two, at most 4096. */
  readonly align: number;
}

export interface BundlePlan {
  readonly arch: Arch;
  /** In this order within their segments, those of zeros last. */
  readonly sections: readonly PlannedSection[];
  /** Symbols for dlsym(3), as C spells them: without the underscore. */
  readonly exports: readonly string[];
  /** Functions of other images; each gets a word with its address. */
  readonly imports: readonly string[];
}

/** Addresses, relative to where the bundle is loaded; those in __TEXT are offsets in the file too. */
export interface BundleLayout {
  readonly plan: BundlePlan;
  /** Without __LINKEDIT. */
  readonly segments: readonly Segment64[];
  /** Address of a section. It depends on the sizes of those before it alone. @throws RangeError for another name. */
  address(sectname: string): number;
  /** Address of the word that holds an imported function's address. @throws RangeError for another name. */
  gotAddress(name: string): number;
}

export const WORD = 8;
export const LIB_SYSTEM = '/usr/lib/libSystem.B.dylib';
const MAX_ALIGN = 4096;
const { VM_PROT_READ, VM_PROT_WRITE, VM_PROT_EXECUTE } = macho;
const READ_EXECUTE = VM_PROT_READ | VM_PROT_EXECUTE;
const READ_WRITE = VM_PROT_READ | VM_PROT_WRITE;

/** Lays out a bundle. @throws RangeError for an architecture, sizes, alignments or names that it can't have. */
export function planBundle(plan: BundlePlan): BundleLayout {
  const { page } = cpuOf(plan.arch);
  checkSections(plan.sections);
  checkNames(plan.exports, plan.imports);
  const gotSize = plan.imports.length * WORD;
  const got = { sectname: '__got', flags: macho.S_REGULAR, size: gotSize, align: WORD } as const;
  const code = plan.sections.filter(({ segname }) => segname === '__TEXT');
  const data = plan.sections.filter(({ segname }) => segname === '__DATA');

  const text = placeAll('__TEXT', code, sizes.MACH_HEADER_64 + commandsSize(plan));
  const dataStart = alignUp(text.end, page);
  const segments: Segment64[] = [
    {
      segname: '__TEXT',
      vmaddr: 0,
      vmsize: dataStart,
      fileoff: 0,
      filesize: dataStart,
      maxprot: READ_EXECUTE,
      initprot: READ_EXECUTE,
      sections: text.sections,
    },
  ];
  if (gotSize > 0 || data.length > 0) {
    const placed = placeAll('__DATA', gotSize > 0 ? [got, ...data] : data, dataStart);
    segments.push({
      segname: '__DATA',
      vmaddr: dataStart,
      vmsize: alignUp(placed.end - dataStart, page),
      fileoff: dataStart,
      filesize: alignUp(placed.fileEnd - dataStart, page),
      maxprot: READ_WRITE,
      initprot: READ_WRITE,
      sections: placed.sections,
    });
  }
  return {
    plan,
    segments,
    address: (sectname) => findSection(segments, sectname).addr,
    gotAddress(name) {
      const index = plan.imports.indexOf(name);
      if (index === -1) throw new RangeError(`${name} is not one of the imports`);
      return dataStart + index * WORD;
    },
  };
}

/** One after the other, from an address on that is the offset in the file as well. */
function placeAll(segname: string, planned: readonly Omit<PlannedSection, 'segname'>[], start: number) {
  const sections: Section64[] = [];
  let end = start;
  let fileEnd = start;
  for (const { sectname, flags, size, align } of planned) {
    const addr = alignUp(end, align);
    end = addr + size;
    const zeros = isZeroFill(flags);
    if (!zeros) fileEnd = end;
    sections.push({
      sectname,
      segname,
      addr,
      size,
      offset: zeros ? 0 : addr,
      align: Math.log2(align),
      flags,
    });
  }
  return { sections, end, fileEnd };
}

function checkSections(sections: readonly PlannedSection[]): void {
  let zeroed: string | undefined;
  for (const { sectname, segname, flags, size, align } of sections) {
    checkSize(sectname, size);
    checkAlign(sectname, align, MAX_ALIGN);
    if (isZeroFill(flags)) {
      if (segname !== '__DATA') throw new RangeError(`${sectname} is of zeros, and must be in __DATA`);
      zeroed ??= sectname;
    } else if (segname === '__DATA' && zeroed !== undefined) {
      throw new RangeError(`${sectname} must come before ${zeroed}, which is of zeros`);
    }
  }
  if (new Set(sections.map(({ sectname }) => sectname)).size !== sections.length)
    throw new RangeError('sections must have distinct names');
}

/** Bytes of the load commands. */
export function commandsSize({ sections, imports }: BundlePlan): number {
  const inData = sections.filter(({ segname }) => segname === '__DATA').length + (imports.length > 0 ? 1 : 0);
  const inText = sections.length + (imports.length > 0 ? 1 : 0) - inData;
  return (
    (inData > 0 ? 3 : 2) * sizes.SEGMENT_COMMAND_64 +
    (inText + inData) * sizes.SECTION_64 +
    sizes.DYLD_INFO_COMMAND +
    sizes.SYMTAB_COMMAND +
    sizes.DYSYMTAB_COMMAND +
    sizes.UUID_COMMAND +
    sizes.BUILD_VERSION_COMMAND +
    loadDylibSize(LIB_SYSTEM) +
    sizes.LINKEDIT_DATA_COMMAND
  );
}

export function isZeroFill(flags: number): boolean {
  return (flags & macho.SECTION_TYPE) === macho.S_ZEROFILL;
}

/** @throws RangeError for the name of none. */
export function findSection(segments: readonly Segment64[], sectname: string): Section64 {
  for (const { sections } of segments) {
    const section = sections.find((candidate) => candidate.sectname === sectname);
    if (section) return section;
  }
  throw new RangeError(`this bundle was planned without ${sectname}`);
}
