/**
 * i386, for whoever reads files and memory of others: x86/reader.ts, with the registers that it has.
 */

import type { ProcessorReader } from '../arch.ts';
import type { RegisterPlace } from '../operand-place.ts';
import { appleSiteOnX86, parseX86Operand, patchedLengthOnX86 } from '../x86/reader.ts';
import { X86_REGISTERS } from '../x86/registers.ts';

/** Registers that x86-64 added, whatever part of them is named. */
const ADDED = /^r\d/;

function register(spelling: string): RegisterPlace | undefined {
  const found = X86_REGISTERS.get(spelling);
  return found === undefined || found.bits === 64 || ADDED.test(found.name) ? undefined : found;
}

export const I386_READER: ProcessorReader = {
  // The machine is one: its kernel and its tracers have 64 bits.
  kernel: 'x64',
  parseOperand: (text, context) => parseX86Operand(text, context, register),
  patchedLength: patchedLengthOnX86,
  appleNames: { 3: 'i386' },
  appleSite: appleSiteOnX86,
};
