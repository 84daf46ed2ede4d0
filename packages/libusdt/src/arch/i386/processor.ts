/**
 * i386. https://gitlab.com/x86-psABIs/i386-ABI: 2.2.3 (parameter passing: everything is on the stack, what has eight bytes as two
 * words), table 2.9 (relocations)
 */

import type { ArgumentPlace, Processor } from '../arch.ts';
import { inOrder } from '../convention.ts';

const SYSTEM_V = inOrder({ integers: 0, floats: 0, slot: 4, word: 4 });

export const I386: Processor = {
  name: 'i386',
  runtimeNames: ['ia32'],
  wordBits: 32,
  order: 'lsb',
  // Programs for i386 ended with macOS 10.14, and their Mach-O files have other structures.
  systems: ['linux', 'illumos', 'freebsd'],
  convention: () => SYSTEM_V,
  printOperand(place: ArgumentPlace) {
    if (place.kind !== 'stack') throw new TypeError('i386 passes no arguments in registers');
    return `${place.offset}(%esp)`;
  },
  // The kernel optimises the long nops of 64-bit processes only (arch/x86/kernel/uprobes.c: can_optimize).
  tracepoints: [{ since: [0, 0], encoding: 'nop' }],
  // EM_386, R_386_GLOB_DAT, R_386_RELATIVE
  elf: { e_machine: 3, e_flags: 0, maxPageSize: 4096, relocations: 'rel', globDat: 6, relative: 8 },
  // CPU_TYPE_X86, CPU_SUBTYPE_X86_ALL
  macho: { cputype: 7, cpusubtype: 3, page: 0x1000, dofBias: 1 },
  engineSize: 2048,
};
