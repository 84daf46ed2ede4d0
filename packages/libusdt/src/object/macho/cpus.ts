/** What differs between the bundles of the processors: their facts (arch/). */

import type { MachOFacts } from '../../arch/arch.ts';
import { PROCESSORS } from '../../arch/index.ts';
import type { Arch } from '../../model/target.ts';

/** @throws RangeError for one that macOS does not run. */
export function cpuOf(arch: Arch): MachOFacts {
  const { systems, macho } = PROCESSORS[arch];
  if (macho === undefined || !systems.includes('darwin'))
    throw new RangeError(`no Mach-O bundles are written for ${arch}`);
  return macho;
}
