/**
 * What differs between the files of the architectures.
 *
 * Whether addends stand in relocations (RELA) or in the relocated word (REL) is a matter of the processor's ABI:
 * https://gitlab.com/x86-psABIs/i386-ABI (REL), https://gitlab.com/x86-psABIs/x86-64-ABI and
 * https://github.com/ARM-software/abi-aa/blob/main/aaelf64/aaelf64.rst (RELA)
 */

import type { Arch } from '../../model/target.ts';
import * as elf from './constants.ts';
import { ElfEncoder } from './encoder.ts';

interface Relocations {
  readonly section: string;
  readonly sh_type: number;
  readonly structure: 'rel' | 'rela';
  /** Of the dynamic entries with their address, their size, and the size of one. */
  readonly tags: readonly [address: number, size: number, entsize: number];
}

const RELA: Relocations = {
  section: '.rela.dyn',
  sh_type: elf.SHT_RELA,
  structure: 'rela',
  tags: [elf.DT_RELA, elf.DT_RELASZ, elf.DT_RELAENT],
};
const REL: Relocations = {
  section: '.rel.dyn',
  sh_type: elf.SHT_REL,
  structure: 'rel',
  tags: [elf.DT_REL, elf.DT_RELSZ, elf.DT_RELENT],
};

interface Machine {
  readonly e_machine: number;
  readonly maxPageSize: number;
  readonly relocations: Relocations;
  /** The relocation that puts a function's address into a word. */
  readonly globDat: number;
  /** The one that adds the address where the object is loaded. */
  readonly relative: number;
  readonly encoder: ElfEncoder;
}

const ELF32 = new ElfEncoder({ class: 32, data: 'lsb' });
const ELF64 = new ElfEncoder({ class: 64, data: 'lsb' });

export const MACHINES: Readonly<Record<Arch, Machine>> = {
  x64: {
    e_machine: elf.EM_X86_64,
    maxPageSize: 4096,
    relocations: RELA,
    globDat: elf.R_X86_64_GLOB_DAT,
    relative: elf.R_X86_64_RELATIVE,
    encoder: ELF64,
  },
  arm64: {
    e_machine: elf.EM_AARCH64,
    maxPageSize: 65536,
    relocations: RELA,
    globDat: elf.R_AARCH64_GLOB_DAT,
    relative: elf.R_AARCH64_RELATIVE,
    encoder: ELF64,
  },
  i386: {
    e_machine: elf.EM_386,
    maxPageSize: 4096,
    relocations: REL,
    globDat: elf.R_386_GLOB_DAT,
    relative: elf.R_386_RELATIVE,
    encoder: ELF32,
  },
};
