/**
 * How the call block says what C passes on each architecture: sizes, how many words go onto the stack, and where words have 32
 * bits, which arguments take two.
 * LP64 and ILP32 of https://unix.org/whitepapers/64bit.html; i386: https://gitlab.com/x86-psABIs/i386-ABI, 2.2.3.
 */

import type { CType } from '../ctypes/ctypes.ts';
import type { Arch } from '../model/target.ts';
import { PROCESSORS } from './index.ts';

export function hasNarrowWords(arch: Arch): boolean {
  return PROCESSORS[arch].wordBits === 32;
}

/** Bytes of a type. */
export function sizeOn(arch: Arch, type: CType): CType['size'] {
  return hasNarrowWords(arch) ? type.size32 : type.size;
}

/** Is an argument of this type passed as two words, the lower half first? */
export function isPassedAsTwo(arch: Arch, type: CType): boolean {
  return hasNarrowWords(arch) && type.size32 === 8;
}

/** A bit for each argument that is passed as two words: the upper half of a frame's `stackCount`. */
export function wideArguments(arch: Arch, types: readonly CType[]): number {
  return types.reduce((bits, type, index) => (isPassedAsTwo(arch, type) ? bits | (1 << index) : bits), 0);
}

/** How many of `argc` words go onto the stack: what the lower half of `stackCount` in the frame must say. */
export function stackWords(arch: Arch, argc: number): number {
  // The registers for integers are the same on all systems that images are built for.
  return Math.max(0, argc - PROCESSORS[arch].convention('linux').argumentRegisters);
}
