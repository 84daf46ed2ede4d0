/**
 * The argument string of an SDT note: where a tracer finds each argument when the tracepoint is hit.
 *
 * Arguments are separated by spaces. Each is `[-]N[f]@OP`: N bytes (1, 2, 4 or 8), signed with `-`, floating point with
 * `f`, and an operand in the architecture's assembler syntax. Every tracer has its own parser of some subset:
 * - libbpf refuses the whole file for one operand it does not know, and for a 13th argument.
 * - `f` is an error to libbpf, bcc, DTrace and gdb, so floats are passed as 8-byte patterns, or as pointers.
 * How each processor's operands are written for all of them is in its folder of arch/ (`printOperand`).
 */

import type { ArgumentSize } from '../../arch/arch.ts';
import { PROCESSORS } from '../../arch/index.ts';
import type { Arch } from '../../model/target.ts';

/** Size and signedness of one argument as a tracer reads it. */
export interface OperandType {
  /** Bytes. */
  readonly size: ArgumentSize;
  readonly signed: boolean;
}

/** libbpf refuses a probe with more (BPF_USDT_MAX_ARG_CNT), and sdt.h cannot declare more. */
export const MAX_OPERANDS = 12;

/**
 * The operands of a tracepoint that receives words by the C calling convention.
 * @param most arguments after these are left out.
 */
export function argumentString(
  arch: Arch,
  types: readonly OperandType[],
  most: number = MAX_OPERANDS,
): string {
  const processor = PROCESSORS[arch];
  const listed = types.slice(0, most);
  // SDT notes are for tracers of Linux; all words of a probe are integers.
  const places = processor.convention('linux').place(listed);
  return listed
    .map(
      ({ size, signed }, index) =>
        `${signed ? '-' : ''}${size}@${processor.printOperand(places[index]!, size)}`,
    )
    .join(' ');
}

/** One argument of an SDT note, from any compiler and for any architecture. */
export interface Operand {
  /** Bytes, as written: compilers know more sizes than tracers. */
  readonly size: number;
  readonly signed: boolean;
  readonly float: boolean;
  /** In assembler syntax, not interpreted. */
  readonly operand: string;
}

/**
 * Splits an argument string. Operands may contain blanks, as in `8@[sp, 16]`: an argument ends where the next starts.
 * @throws RangeError for text that does not have the form `[-]N[f]@OP ...`.
 */
export function parseArguments(text: string): Operand[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  // Looked for from the start of a run of blanks only: else a long one takes time by the square of its length.
  return trimmed.split(/(?<!\s)\s+(?=-?\d+f?@)/).map((argument) => {
    const parts = /^(-?)(\d+)(f?)@(\S.*)$/s.exec(argument);
    if (parts === null) throw new RangeError(`not an SDT argument: ${JSON.stringify(argument)}`);
    const [, sign, size, float, operand] = parts;
    return { size: Number(size), signed: sign === '-', float: float === 'f', operand: operand! };
  });
}
