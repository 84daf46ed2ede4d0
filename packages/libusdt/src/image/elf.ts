/**
 * An image as an ELF shared object: Linux (SDT notes, and a DOF document where DTrace's daemon wants one), illumos and
 * FreeBSD (a DOF document).
 * @module
 */

import type { Target, TargetSystem } from '../model/target.ts';
import { planDeclarations } from '../notes/libusdt/declaration.ts';
import { SDT_SPELLING } from '../notes/stapsdt/name.ts';
import { planStapsdtNotes } from '../notes/stapsdt/note.ts';
import { contentHash } from '../object/content-hash.ts';
import { ELFOSABI_FREEBSD, ELFOSABI_NONE, ELFOSABI_SOLARIS } from '../object/elf/constants.ts';
import { MACHINES } from '../object/elf/machines.ts';
import {
  type Allocate,
  planSharedObject,
  type SharedObjectPlan,
  setBuildId,
  writeSharedObject,
} from '../object/elf/shared-object.ts';
import type { ImageDefinition } from './definition.ts';
import { listProbes } from './lists.ts';
import { type ImageCode, type ImageObject, TEXT_SYMBOL } from './object.ts';
import { imageDof } from './rare.ts';

/** As these systems' linkers write it. */
export const OSABI: Readonly<Record<Exclude<TargetSystem, 'darwin'>, number>> = {
  linux: ELFOSABI_NONE,
  illumos: ELFOSABI_SOLARIS,
  freebsd: ELFOSABI_FREEBSD,
};

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
  const { probes } = definition;
  const { format } = MACHINES[target.arch].encoder;
  const linux = target.os === 'linux';
  const hiddenCount = linux && target.dof && probes.length <= MOST_HIDDEN ? probes.length : 0;
  const plan: SharedObjectPlan = {
    arch: target.arch,
    osabi: OSABI[target.os],
    textSize: text.length,
    textAlign: 64,
    exports: [TEXT_SYMBOL],
    imports: [],
    dataSize: 0,
    stapsdtBase: linux,
    hiddenCount,
  };
  const first = planSharedObject(plan);
  const { textAddress } = first;
  const wanted = target.dof || !linux;
  const dof = wanted ? imageDof({ ...definition, sites, textAddress, dofAddress: 0 }, target) : undefined;
  const layout = dof ? planSharedObject({ ...plan, dofSize: dof.length }) : first;
  const stapsdtBaseAddress = linux ? layout.stapsdtBaseAddress : 0;
  const lists = listProbes(definition, { arch: target.arch, sites, textAddress, stapsdtBaseAddress });
  const content = {
    text,
    ...(dof && { dof }),
    hidden: Array.from({ length: hiddenCount }, (_, index) => textAddress + sites.site(index)),
    exports: [{ name: TEXT_SYMBOL, offset: 0, size: text.length }],
    symbols: lists.symbols,
    symbolPrefix: lists.symbolPrefix,
    symbolSpelling: SDT_SPELLING,
    notes: [
      { section: '.note.libusdt', bytes: planDeclarations(lists.declarations, format) },
      ...(linux
        ? [{ section: '.note.stapsdt', bytes: planStapsdtNotes(lists.stapsdt, format, SDT_SPELLING) }]
        : []),
    ],
  };
  const bytes = writeSharedObject(layout, content, allocate);
  const buildId = contentHash(bytes);
  setBuildId(layout, bytes, buildId);
  return { bytes, buildId, textAddress, dof: dof && { address: layout.dofAddress, bytes: dof } };
}
