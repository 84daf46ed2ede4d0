/**
 * Places that the kernel can read: what the readers of all processors make of the operands of SDT notes.
 *
 * An SDT argument is an operand in the syntax of the processor's assembler, whatever the compiler chose: a register,
 * a constant, memory. The kernel's fetch arguments know registers, constants, memory at register + offset, and memory
 * at a distance from the tracepoint; they can't add two registers, and don't see floating-point registers or
 * thread-local memory. Such operands become a place of the kind `none`, with the reason.
 *
 * A symbol, as in `4@counter(%rip)`, is at a fixed distance from the tracepoint wherever the file is loaded, so that
 * the file's symbol table is enough to find it.
 */

export type OperandPlace =
  /** `bits` of a register from `shift` up; `name` is the kernel's. */
  | {
      readonly kind: 'register';
      readonly name: string;
      readonly bits: 8 | 16 | 32 | 64;
      readonly shift: 0 | 8;
    }
  | { readonly kind: 'constant'; readonly value: bigint }
  | { readonly kind: 'memory'; readonly base: string; readonly offset: bigint }
  /** Memory at an address that is the same in every process. */
  | { readonly kind: 'absolute'; readonly address: bigint }
  /** Memory at an address of the file, which moves with it. */
  | { readonly kind: 'file'; readonly address: bigint }
  | { readonly kind: 'none'; readonly reason: string };

export type RegisterPlace = Extract<OperandPlace, { kind: 'register' }>;

/** What a file says of the symbols in its operands. */
export interface OperandContext {
  /** The file is loaded at the addresses that it names (ET_EXEC). */
  readonly fixed: boolean;
  /** Address of a symbol in the file. */
  readonly symbol: (name: string) => bigint | undefined;
}

export function noPlace(reason: string): OperandPlace {
  return { kind: 'none', reason };
}

export const NOT_UNDERSTOOD = 'an operand that is not understood';
export const FLOAT_REASON = 'a floating-point register: the kernel does not record those';
export const INDEX_REASON = 'memory at the sum of two registers: the kernel can add only a constant';
export const THREAD_LOCAL_REASON = "thread-local memory: the kernel can't find it";

/** Memory at a symbol that has no address. */
export function unknownSymbol(name: string): OperandPlace {
  return noPlace(`memory at ${name}, which the file's symbol tables do not have`);
}

interface Sum {
  constant: bigint;
  symbol: string | undefined;
  /** What follows a symbol's `@`. */
  suffix: string;
}

/** A sum of constants and at most one symbol: `-8`, `16+table`, `counter+4`, `x@GOTOFF-4`. Undefined for anything else. */
export function parseSum(text: string): Sum | undefined {
  const sum: Sum = { constant: 0n, symbol: undefined, suffix: '' };
  let rest = text.replaceAll(/\s+/g, '');
  while (rest !== '') {
    const term = /^([+-]*)(?:(0x[0-9a-f]+|\d+)(?![\w.$])|([A-Za-z_.$][\w.$]*)(?:@(\w+))?)/i.exec(rest);
    if (!term) return undefined;
    const [all, signs, digits, name, suffix] = term;
    const negative = (signs!.split('-').length - 1) % 2 === 1;
    if (digits !== undefined) sum.constant += negative ? -BigInt(digits) : BigInt(digits);
    else if (sum.symbol !== undefined || negative) return undefined;
    else {
      sum.symbol = name!;
      sum.suffix = suffix ?? '';
    }
    rest = rest.slice(all.length);
    if (rest !== '' && !/^[+-]/.test(rest)) return undefined;
  }
  return sum;
}
