/**
 * One macro-assembler per architecture.
 * @module
 */

import type { Assembler } from '../asm/assembler.ts';
import type { Arch } from '../model/target.ts';
import { createArm64Assembler } from './arm64/assembler.ts';
import { createI386Assembler } from './rare.ts';
import { createX64Assembler } from './x64/assembler.ts';

const BY_ARCH: Readonly<Record<Arch, () => Assembler>> = {
  x64: createX64Assembler,
  arm64: createArm64Assembler,
  i386: createI386Assembler,
};

export function createAssembler(arch: Arch): Assembler {
  return BY_ARCH[arch]();
}
