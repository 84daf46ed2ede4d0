/**
 * Mach-O file -> its probes, which are in DOF documents: in sections that Apple's linker made and dyld registers, or in
 * images of libusdt.
 */

import {
  archOfMachO,
  MachOError,
  MH_OBJECT,
  READERS,
  S_DTRACE_DOF,
  SECTION_TYPE,
  VM_PROT_EXECUTE,
} from 'libusdt/codecs';
import { type CodeSpace, codeReader } from './code-space.ts';
import { type ProbeFilter, probesOfDof } from './dof-probes.ts';
import { Quota } from './limits.ts';
import { type PartialMachO, readSparseMachO, readSparseUniversal, type UnreadSlice } from './macho-file.ts';
import type { ObjectProbes } from './probe.ts';
import type { SparseFile } from './sparse-file.ts';

const UNTRACEABLE = 'it is in a Mach-O file, for macOS';

interface Options {
  readonly wanted?: ProbeFilter | undefined;
  /** The file's, without folder. */
  readonly name?: string | undefined;
}

/** @throws MachOError for a malformed file. */
export function probesOfMachO(file: SparseFile, options: Options): ObjectProbes {
  return probesOfSlice(readSparseMachO(file), undefined, new Quota(), options);
}

/** What can't be read of one slice does not keep the others from being listed. @throws MachOError for a malformed list. */
export function probesOfUniversal(file: SparseFile, options: Options): ObjectProbes[] {
  const quota = new Quota();
  return readSparseUniversal(file).map((slice) => {
    const name = sliceName(slice);
    try {
      return probesOfSlice(slice.read(), name, quota, options);
    } catch (error) {
      if (!(error instanceof MachOError)) throw error;
      return {
        ...{ format: 'mach-o', arch: archOfMachO(slice.cputype), machine: slice.cputype, slice: name },
        ...{ class: 64, fixed: false, unlinked: false, sites: [], warnings: [] },
        problems: [`its ${name} part: ${error.message}`],
      };
    }
  });
}

/** As Apple's tools name it. The subtype's upper byte has flags. */
function sliceName({ cputype, cpusubtype }: Pick<UnreadSlice, 'cputype' | 'cpusubtype'>): string {
  const subtype = cpusubtype & 0xffffff;
  const arch = archOfMachO(cputype);
  const name = arch === undefined ? undefined : READERS[arch].appleNames[subtype];
  return name ?? `cputype ${cputype}, subtype ${subtype}`;
}

function probesOfSlice(
  { macho, start, need, documents }: PartialMachO,
  slice: string | undefined,
  quota: Quota,
  { wanted, name }: Options,
): ObjectProbes {
  const arch = archOfMachO(macho.cputype);
  const codeAt = codeReader(macho.bytes, need);
  const inSlice = (address: bigint): bigint | undefined => {
    const segment = macho.segments.find(
      ({ vmaddr, filesize, initprot }) =>
        (initprot & VM_PROT_EXECUTE) !== 0 && address >= vmaddr && address < vmaddr + filesize,
    );
    return segment && segment.fileoff + (address - segment.vmaddr);
  };
  const space: CodeSpace = {
    offsetOf: (address) => {
      const offset = inSlice(address);
      return offset === undefined ? undefined : offset + BigInt(start);
    },
    codeAt: (offset) => codeAt(offset === undefined ? undefined : offset - BigInt(start)),
  };
  const found = documents.map((section) =>
    probesOfDof(
      {
        bytes: macho.data(section),
        address: section.addr,
        encoding: macho.format.data === 'lsb' ? 'LSB' : 'MSB',
        systems: ['darwin'],
        convention: { arch, class: macho.format.class, darwin: true },
        space,
        // Images of libusdt are registered by themselves, as what their program says.
        module: (section.flags & SECTION_TYPE) === S_DTRACE_DOF ? name : undefined,
        untraceable: UNTRACEABLE,
      },
      quota,
      wanted,
    ),
  );
  return {
    ...{ format: 'mach-o', arch, machine: macho.cputype, slice, class: macho.format.class, fixed: false },
    unlinked: macho.filetype === MH_OBJECT,
    sites: found.flatMap(({ sites }) => sites),
    problems: [...quota.problems, ...found.flatMap(({ problems }) => problems)],
    warnings: found.flatMap(({ warnings }) => warnings),
  };
}
