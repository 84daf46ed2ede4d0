/**
 * The argument string of a note -> arguments.
 */

import { type Operand, parseArguments } from 'libusdt/codecs';
import { LIMITS } from './limits.ts';
import type { ProbeArgument } from './probe.ts';

/** Characters of what is not understood. */
const SHOWN = 200;

/** An argument string that no parser understands becomes one argument that no tracer can read, so that it shows. */
export function argumentsOf(text: string, types: readonly string[] | undefined): ProbeArgument[] {
  let operands: Operand[];
  try {
    if (text.length > LIMITS.argumentText) throw new RangeError('too long');
    operands = parseArguments(text);
    if (operands.length > LIMITS.arguments) throw new RangeError('too many');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    operands = [{ size: 0, signed: false, float: false, operand: text.trim().slice(0, SHOWN) }];
  }
  return operands.map((operand, index) => {
    const declared = types?.[index];
    return { type: declared ?? typeOfOperand(operand), declared: declared !== undefined, ...operand };
  });
}

/** The C type that says no more than the note does. */
export function typeOfOperand({ size, signed, float }: Pick<Operand, 'size' | 'signed' | 'float'>): string {
  if (float) return size === 4 ? 'float' : size === 8 ? 'double' : `float${size * 8}_t`;
  return `${signed ? '' : 'u'}int${size * 8}_t`;
}
