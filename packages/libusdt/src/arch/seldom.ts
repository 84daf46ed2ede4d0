/**
 * Assemblers of the processors that are seldom met: they are in the file that Node reads when one is needed (rare.ts).
 */

import type { Assembler } from '../asm/assembler.ts';
import type { Arch } from '../model/target.ts';
import { createI386Assembler } from './i386/assembler.ts';

/** Those that every start reads (assemblers.ts). */
export type UsualArch = 'x64' | 'arm64';

export type SeldomArch = Exclude<Arch, UsualArch>;

export const ASSEMBLERS: Readonly<Record<SeldomArch, () => Assembler>> = { i386: createI386Assembler };

export function createSeldomAssembler(arch: SeldomArch): Assembler {
  return ASSEMBLERS[arch]();
}
