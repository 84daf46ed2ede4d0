/** The program headers of a shared object: what a loader maps. */

import * as elf from './constants.ts';
import type { Phdr } from './encoder.ts';
import { MACHINES } from './machines.ts';
import { findSection, type LoadedSection, loadedEnd, type SharedObjectLayout } from './plan.ts';

export function writeSegments(view: DataView, layout: SharedObjectLayout, extra: readonly Phdr[]): void {
  const { encoder } = MACHINES[layout.plan.arch];
  let at = encoder.sizes.ehdr;
  for (const segment of loaderSegments(layout)) at = encoder.phdr(view, at, segment);
  for (const segment of extra) at = encoder.phdr(view, at, segment);
}

function loaderSegments({ plan, sections, memorySize }: SharedObjectLayout): readonly Phdr[] {
  const dynamic = findSection(sections, '.dynamic');
  const buildId = findSection(sections, '.note.gnu.build-id');
  const last = sections[sections.indexOf(dynamic) - 1]!;
  const code = last.sh_offset + last.sh_size;
  const load = { p_type: elf.PT_LOAD, p_align: MACHINES[plan.arch].maxPageSize };
  return [
    { ...load, p_flags: elf.PF_R | elf.PF_X, p_offset: 0, p_vaddr: 0, p_filesz: code, p_memsz: code },
    {
      ...load,
      p_flags: elf.PF_R | elf.PF_W,
      p_offset: dynamic.sh_offset,
      p_vaddr: dynamic.sh_addr,
      p_filesz: loadedEnd(sections) - dynamic.sh_offset,
      p_memsz: memorySize - dynamic.sh_addr,
    },
    segmentOf(dynamic, elf.PT_DYNAMIC, elf.PF_R | elf.PF_W),
    segmentOf(buildId, elf.PT_NOTE, elf.PF_R),
    {
      p_type: elf.PT_GNU_STACK,
      p_flags: elf.PF_R | elf.PF_W,
      p_offset: 0,
      p_vaddr: 0,
      p_filesz: 0,
      p_memsz: 0,
      p_align: 16,
    },
  ];
}

function segmentOf(section: LoadedSection, p_type: number, p_flags: number): Phdr {
  return {
    p_type,
    p_flags,
    p_offset: section.sh_offset,
    p_vaddr: section.sh_addr,
    p_filesz: section.sh_size,
    p_memsz: section.sh_size,
    p_align: section.sh_addralign,
  };
}
