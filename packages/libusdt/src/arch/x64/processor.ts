/**
 * x86-64. https://gitlab.com/x86-psABIs/x86-64-ABI: 3.2.3 (parameter passing), 4.9 (relocations)
 */

import type { ArgumentPlace, ArgumentSize, Processor } from '../arch.ts';
import { inOrder } from '../convention.ts';
import { TRACEPOINTS } from './tracepoints.ts';

/** In the order of the calling convention, by the size of what is in them: compilers write `-4@%edi`, `8@%rdi`. */
const REGISTERS = [
  { 1: '%dil', 2: '%di', 4: '%edi', 8: '%rdi' },
  { 1: '%sil', 2: '%si', 4: '%esi', 8: '%rsi' },
  { 1: '%dl', 2: '%dx', 4: '%edx', 8: '%rdx' },
  { 1: '%cl', 2: '%cx', 4: '%ecx', 8: '%rcx' },
  { 1: '%r8b', 2: '%r8w', 4: '%r8d', 8: '%r8' },
  { 1: '%r9b', 2: '%r9w', 4: '%r9d', 8: '%r9' },
] as const satisfies readonly Record<ArgumentSize, string>[];

const SYSTEM_V = inOrder({ integers: REGISTERS.length, floats: 8, slot: 8, word: 8 });

export const X64: Processor = {
  name: 'x64',
  runtimeNames: ['x64'],
  wordBits: 64,
  order: 'lsb',
  systems: ['linux', 'darwin', 'illumos', 'freebsd'],
  convention: () => SYSTEM_V,
  printOperand(place: ArgumentPlace, size: ArgumentSize) {
    if (place.kind === 'stack') return `${place.offset}(%rsp)`;
    return place.kind === 'float' ? `%xmm${place.index}` : REGISTERS[place.index]![size];
  },
  tracepoints: TRACEPOINTS,
  // EM_X86_64, R_X86_64_GLOB_DAT, R_X86_64_RELATIVE
  elf: { e_machine: 62, e_flags: 0, maxPageSize: 4096, relocations: 'rela', globDat: 6, relative: 8 },
  // CPU_TYPE_X86_64, CPU_SUBTYPE_X86_64_ALL
  macho: { cputype: 0x0100_0007, cpusubtype: 3, page: 0x1000, dofBias: 1 },
  engineSize: 2048,
};
