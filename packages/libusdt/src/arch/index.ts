/**
 * The processors: the list that all others ask. A new one gets a line in both tables, and one in seldom.ts.
 */

import type { Arch } from '../model/target.ts';
import type { Processor, ProcessorReader } from './arch.ts';
import { ARM64 } from './arm64/processor.ts';
import { ARM64_READER } from './arm64/reader.ts';
import { I386 } from './i386/processor.ts';
import { I386_READER } from './i386/reader.ts';
import { X64 } from './x64/processor.ts';
import { X64_READER } from './x64/reader.ts';

/** In the order in which people are told of them. */
export const PROCESSORS: Readonly<Record<Arch, Processor>> = { x64: X64, arm64: ARM64, i386: I386 };

/** For tools: no program with probes needs them, and what no one imports is in no bundle. */
export const READERS: Readonly<Record<Arch, ProcessorReader>> = {
  x64: X64_READER,
  arm64: ARM64_READER,
  i386: I386_READER,
};

/** The architecture that a runtime's `process.arch` means, if there is a code generator for it. */
export function archNamed(runtimeName: string): Arch | undefined {
  return archWith(({ runtimeNames }) => runtimeNames.includes(runtimeName));
}

/** The architecture of an ELF file with this e_machine. */
export function archOfElf(machine: number): Arch | undefined {
  return archWith(({ elf }) => elf.e_machine === machine);
}

/** The architecture of a Mach-O file with this cputype. */
export function archOfMachO(cputype: number): Arch | undefined {
  return archWith(({ macho }) => macho?.cputype === cputype);
}

function archWith(has: (processor: Processor) => boolean): Arch | undefined {
  return Object.values(PROCESSORS).find(has)?.name;
}
