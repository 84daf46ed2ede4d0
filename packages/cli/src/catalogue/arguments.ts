/**
 * The argument string of a note -> arguments.
 * @module
 */

import { type Operand, parseArguments } from 'libusdt/codecs';
import type { ProbeArgument } from './probe.ts';

/** An argument string that no parser understands becomes one argument that no tracer can read, so that it shows. */
export function argumentsOf(text: string, types: readonly string[] | undefined): ProbeArgument[] {
  let operands: Operand[];
  try {
    operands = parseArguments(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    operands = [{ size: 0, signed: false, float: false, operand: text.trim() }];
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
