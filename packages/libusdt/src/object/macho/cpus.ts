/** What differs between the bundles of the processors. */

import type { Arch } from '../../model/target.ts';
import * as macho from './constants.ts';

interface Cpu {
  readonly cputype: number;
  readonly cpusubtype: number;
  readonly page: number;
}

/** Of the architectures that macOS runs: i386 programs ended with 10.14, and their Mach-O has other structures. */
export const CPUS: Readonly<Partial<Record<Arch, Cpu>>> = {
  x64: { cputype: macho.CPU_TYPE_X86_64, cpusubtype: macho.CPU_SUBTYPE_X86_64_ALL, page: 0x1000 },
  arm64: { cputype: macho.CPU_TYPE_ARM64, cpusubtype: macho.CPU_SUBTYPE_ARM64_ALL, page: 0x4000 },
};

/** @throws RangeError for one that macOS does not run. */
export function cpuOf(arch: Arch): Cpu {
  const cpu = CPUS[arch];
  if (cpu === undefined) throw new RangeError(`no Mach-O bundles are written for ${arch}`);
  return cpu;
}
