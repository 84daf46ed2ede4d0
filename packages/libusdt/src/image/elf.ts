/**
 * An image as an ELF shared object: Linux (SDT notes, and a DOF document where DTrace's daemon wants one), illumos and
 * FreeBSD (a DOF document).
 */

import type { Target, TargetSystem } from '../model/target.ts';
import { planDeclarations } from '../notes/libusdt/declaration.ts';
import { SDT_NAMES } from '../notes/stapsdt/name.ts';
import { planStapsdtNotes } from '../notes/stapsdt/note.ts';
import { contentHash } from '../object/content-hash.ts';
import {
  ELFOSABI_FREEBSD,
  ELFOSABI_NONE,
  ELFOSABI_SOLARIS,
  PT_NULL,
  SHF_EXECINSTR,
  SHT_NOTE,
  SHT_PROGBITS,
} from '../object/elf/constants.ts';
import type { Phdr } from '../object/elf/encoder.ts';
import { MACHINES } from '../object/elf/machines.ts';
import { type PlannedSection, planSharedObject } from '../object/elf/plan.ts';
import {
  type Allocate,
  setBuildId,
  type UnloadedSection,
  writeSharedObject,
} from '../object/elf/shared-object.ts';
import type { ImageDefinition } from './definition.ts';
import { type ImageLists, listProbes } from './lists.ts';
import { type ImageCode, type ImageObject, TEXT_SYMBOL } from './object.ts';
import { imageDof } from './rare.ts';

/** As these systems' linkers write it. */
export const OSABI: Readonly<Record<Exclude<TargetSystem, 'darwin'>, number>> = {
  linux: ELFOSABI_NONE,
  illumos: ELFOSABI_SOLARIS,
  freebsd: ELFOSABI_FREEBSD,
};

const TEXT = '.text';
const TEXT_ALIGN = 64;
/** One byte, whose address the SDT notes have, so that a reader sees by how much a file was moved. gdb ignores notes without it. */
const SDT_BASE = '.stapsdt.base';
/** DTrace's tools know the document by this name: https://github.com/oracle/dtrace-utils/blob/devel/libdtrace/dt_link.c */
const DOF = '.SUNW_dof';
const DOF_ALIGN = 8;
const NOTE = { type: SHT_NOTE, align: 4 } as const;

/**
 * glibc's loader copies the program headers onto its stack, 56 bytes each, and threads have small ones. Beyond, dtrace
 * shows the probes of a process twice when it is asked for that process only.
 */
const MOST_HIDDEN = 1000;

export function buildElfImage(
  definition: ImageDefinition,
  target: Target & { readonly os: keyof typeof OSABI },
  { text, sites }: ImageCode,
  allocate?: Allocate,
): ImageObject {
  const { arch, os } = target;
  const linux = os === 'linux';
  const { length } = definition.probes;
  const hidden = linux && target.dof && length <= MOST_HIDDEN ? length : 0;
  const sections = [
    constants(TEXT, text.length, TEXT_ALIGN, SHF_EXECINSTR),
    ...(linux ? [constants(SDT_BASE, 1, 1)] : []),
  ];
  const plan = { arch, osabi: OSABI[os], exports: [TEXT_SYMBOL], imports: [], extraHeaders: hidden };
  // The DOF document comes behind all that it has addresses of.
  const first = planSharedObject({ ...plan, sections });
  const textAddress = first.address(TEXT);
  const wanted = target.dof || !linux;
  const dof = wanted ? imageDof({ ...definition, sites, textAddress, dofAddress: 0 }, target) : undefined;
  const layout = dof
    ? planSharedObject({ ...plan, sections: [...sections, constants(DOF, dof.length, DOF_ALIGN)] })
    : first;
  const stapsdtBaseAddress = linux ? layout.address(SDT_BASE) : 0;
  const lists = listProbes(definition, { arch, sites, textAddress, stapsdtBaseAddress });
  const content = {
    sections: { [TEXT]: text, ...(dof && { [DOF]: dof }) },
    exports: [{ name: TEXT_SYMBOL, section: TEXT, offset: 0, size: text.length }],
    headers: Array.from({ length: hidden }, (_, index) => hidingHeader(textAddress + sites.site(index))),
    symbols: { section: TEXT, list: lists.symbols, prefix: lists.symbolPrefix, encoding: SDT_NAMES },
    unloaded: noteSections(lists, target),
  };
  const bytes = writeSharedObject(layout, content, allocate);
  const buildId = contentHash(bytes);
  setBuildId(layout, bytes, buildId);
  return { bytes, buildId, textAddress, dof: dof && { address: layout.address(DOF), bytes: dof } };
}

/** A section that is never written to. */
function constants(name: string, size: number, align: number, flags = 0): PlannedSection {
  return { name, type: SHT_PROGBITS, flags, size, align };
}

/** Tools that read one section of notes only take the last one, which is SDT's. */
function noteSections(lists: ImageLists, { os, arch }: Target): UnloadedSection[] {
  const { format } = MACHINES[arch].encoder;
  const declarations = {
    name: '.note.libusdt',
    ...NOTE,
    bytes: planDeclarations(lists.declarations, format),
  };
  if (os !== 'linux') return [declarations];
  const notes = planStapsdtNotes(lists.stapsdt, format, SDT_NAMES);
  return [declarations, { name: '.note.stapsdt', ...NOTE, bytes: notes }];
}

/**
 * Hides an SDT note from DTrace 2 on Linux. DTrace would list a probe twice, from DOF and from its SDT note, and a clause that
 * names the module of the first would never fire. It skips notes whose address maps to file offset 0. So each note that it
 * must not see gets a program header of type PT_NULL that maps the note's address there. Everybody else ignores PT_NULL.
 * https://github.com/oracle/dtrace-utils/blob/devel/libdtrace/dt_pid.c (dt_stapsdt_parse)
 */
function hidingHeader(p_vaddr: number): Phdr {
  return { p_type: PT_NULL, p_flags: 0, p_offset: 0, p_vaddr, p_filesz: 0, p_memsz: 1, p_align: 1 };
}
