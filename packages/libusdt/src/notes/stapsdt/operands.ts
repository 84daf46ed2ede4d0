/**
 * The argument string of an SDT note: where a tracer finds each argument when the tracepoint is hit.
 *
 * Arguments are separated by spaces. Each is `[-]N[f]@OP`: N bytes (1, 2, 4 or 8), signed with `-`, floating point with
 * `f`, and an operand in the architecture's assembler syntax. Every tracer has its own parser of some subset:
 * - libbpf refuses the whole file for one operand it does not know, and for a 13th argument.
 * - `f` is an error to libbpf, bcc, DTrace and gdb, so floats are passed as 8-byte patterns, or as pointers.
 * - arm64: libbpf knows `xN` whatever the size, not `wN`. perf joins what its split at blanks tore apart only after
 *   `[sp,`; the first stack word is spelled `[sp, 0]` like the others.
 * - x64: a register is named in its size, as compilers do: `-4@%edi`, `8@%rdi`.
 * - i386: all arguments are on the stack, those of 8 bytes as two words.
 * @module
 */

import type { Arch } from '../../model/target.ts';

/** Size and signedness of one argument as a tracer reads it. */
export interface OperandType {
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
}

/** libbpf refuses a probe with more (BPF_USDT_MAX_ARG_CNT), and sdt.h cannot declare more. */
export const MAX_OPERANDS = 12;

// Integer argument registers in order: System V AMD64 ABI 3.2.3 and AAPCS64 6.8.2.
const X64_REGISTERS = [
  { 1: '%dil', 2: '%di', 4: '%edi', 8: '%rdi' },
  { 1: '%sil', 2: '%si', 4: '%esi', 8: '%rsi' },
  { 1: '%dl', 2: '%dx', 4: '%edx', 8: '%rdx' },
  { 1: '%cl', 2: '%cx', 4: '%ecx', 8: '%rcx' },
  { 1: '%r8b', 2: '%r8w', 4: '%r8d', 8: '%r8' },
  { 1: '%r9b', 2: '%r9w', 4: '%r9d', 8: '%r9' },
] as const;

/** How many words come in registers, before the stack. */
export const ARGUMENT_REGISTERS = { x64: X64_REGISTERS.length, arm64: 8 } as const;

/** Where the word of that index is by the C calling convention of 64-bit systems, just before the call. */
export function argumentOperand(arch: 'x64' | 'arm64', index: number, size: OperandType['size']): string {
  const onStack = (index - ARGUMENT_REGISTERS[arch]) * 8;
  if (arch === 'arm64') return onStack < 0 ? `x${index}` : `[sp, ${onStack}]`;
  return onStack < 0 ? X64_REGISTERS[index]![size] : `${onStack}(%rsp)`;
}

/** Where each argument is, by the C calling convention of an architecture. */
const OPERANDS: Readonly<Record<Arch, (types: readonly OperandType[]) => string[]>> = {
  x64: (types) => types.map(({ size }, index) => argumentOperand('x64', index, size)),
  arm64: (types) => types.map(({ size }, index) => argumentOperand('arm64', index, size)),
  i386(types) {
    let at = 0;
    return types.map(({ size }) => {
      const operand = `${at}(%esp)`;
      at += Math.max(4, size);
      return operand;
    });
  },
};

/**
 * The operands of a tracepoint that receives words by the C calling convention: argument registers first, then words
 * from the top of the stack up.
 * @param most arguments after these are left out.
 */
export function argumentString(
  arch: Arch,
  types: readonly OperandType[],
  most: number = MAX_OPERANDS,
): string {
  const listed = types.slice(0, most);
  const operands = OPERANDS[arch](listed);
  return listed.map(({ size, signed }, index) => `${signed ? '-' : ''}${size}@${operands[index]}`).join(' ');
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
