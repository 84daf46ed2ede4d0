/**
 * AArch64, little-endian.
 * - calling convention: https://github.com/ARM-software/abi-aa/blob/main/aapcs64/aapcs64.rst (6.8.2)
 * - on macOS the stack is packed, and open arguments are always there:
 *   https://developer.apple.com/documentation/xcode/writing-arm64-code-for-apple-platforms
 * - ELF: https://github.com/ARM-software/abi-aa/blob/main/aaelf64/aaelf64.rst (dynamic relocations)
 */

import type { ArgumentPlace, ArgumentSize, Processor } from '../arch.ts';
import { inOrder } from '../convention.ts';

const AAPCS64 = inOrder({ integers: 8, floats: 8, slot: 8, word: 8 });
const APPLE = inOrder({ integers: 8, floats: 8, slot: 1, word: 8, variadicOnStack: true });

export const ARM64: Processor = {
  name: 'arm64',
  runtimeNames: ['arm64'],
  wordBits: 64,
  order: 'lsb',
  systems: ['linux', 'darwin', 'freebsd'],
  convention: (os) => (os === 'darwin' ? APPLE : AAPCS64),
  /**
   * libbpf knows `xN` whatever the size, not `wN`. perf joins what its split at blanks tore apart only after `[sp,`: the
   * first word on the stack is spelled `[sp, 0]` like the others.
   */
  printOperand(place: ArgumentPlace, size: ArgumentSize) {
    if (place.kind === 'stack') return `[sp, ${place.offset}]`;
    return place.kind === 'float' ? `${size === 4 ? 's' : 'd'}${place.index}` : `x${place.index}`;
  },
  // d503201f
  tracepoints: [{ since: [0, 0], encoding: 'nop' }],
  // EM_AARCH64, R_AARCH64_GLOB_DAT, R_AARCH64_RELATIVE
  elf: { e_machine: 183, e_flags: 0, maxPageSize: 65536, relocations: 'rela', globDat: 1025, relative: 1027 },
  // CPU_TYPE_ARM64, CPU_SUBTYPE_ARM64_ALL
  macho: { cputype: 0x0100_000c, cpusubtype: 0, page: 0x4000, dofBias: 0 },
  engineSize: 2048,
};
