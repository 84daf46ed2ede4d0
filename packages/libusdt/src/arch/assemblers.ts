/**
 * One macro-assembler per processor. Those of the usual processors are at hand; all others are in seldom.ts.
 */

import type { Assembler } from '../asm/assembler.ts';
import type { Arch } from '../model/target.ts';
import { createArm64Assembler } from './arm64/assembler.ts';
import { createSeldomAssembler } from './rare.ts';
import type { UsualArch } from './seldom.ts';
import { createX64Assembler } from './x64/assembler.ts';

const ASSEMBLERS: Readonly<Record<UsualArch, () => Assembler>> = {
  x64: createX64Assembler,
  arm64: createArm64Assembler,
};

export function createAssembler(arch: Arch): Assembler {
  return isUsual(arch) ? ASSEMBLERS[arch]() : createSeldomAssembler(arch);
}

function isUsual(arch: Arch): arch is UsualArch {
  return Object.hasOwn(ASSEMBLERS, arch);
}
