/**
 * x86-64, for whoever reads files and memory of others: x86/reader.ts, with all registers.
 */

import type { ProcessorReader } from '../arch.ts';
import { appleSiteOnX86, parseX86Operand, patchedLengthOnX86 } from '../x86/reader.ts';
import { X86_REGISTERS } from '../x86/registers.ts';

export const X64_READER: ProcessorReader = {
  kernel: 'x64',
  parseOperand: (text, context) => parseX86Operand(text, context, (spelling) => X86_REGISTERS.get(spelling)),
  patchedLength: patchedLengthOnX86,
  appleNames: { 3: 'x86_64', 8: 'x86_64h' },
  appleSite: appleSiteOnX86,
};
