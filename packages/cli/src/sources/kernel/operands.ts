/**
 * Operands of SDT notes -> places that the kernel can read.
 *
 * An SDT argument is an operand in the syntax of the architecture's assembler, whatever the compiler chose: a register,
 * a constant, memory. The kernel's fetch arguments know registers, constants, memory at register + offset, and memory
 * at a distance from the tracepoint; they can't add two registers, and don't see floating-point registers or
 * thread-local memory. Such operands become a place of the kind `none`, with the reason.
 *
 * A symbol, as in `4@counter(%rip)`, is at a fixed distance from the tracepoint wherever the file is loaded, so that
 * the file's symbol table is enough to find it.
 *
 * - operands of x86: https://sourceware.org/binutils/docs/as/i386_002dMemory.html
 * - of arm64: https://sourceware.org/binutils/docs/as/AArch64-Syntax.html
 * - registers by the kernel's names: arch/x86/kernel/ptrace.c, arch/arm64/kernel/ptrace.c (regoffset_table)
 * @module
 */

import type { ProbeArch } from '../../catalogue/probe.ts';

export type Place =
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

export interface OperandContext {
  readonly arch: ProbeArch;
  /** The file is loaded at the addresses that it names (ET_EXEC). */
  readonly fixed: boolean;
  /** Address of a symbol in the file. */
  readonly symbol: (name: string) => bigint | undefined;
}

/** Where an operand is. Never throws: what is not understood is a place of the kind `none`. */
export function parseOperand(operand: string, context: OperandContext): Place {
  const text = operand.trim();
  return context.arch === 'arm64' ? arm64(text, context) : x86(text, context);
}

/** The symbols that an operand names, so that they can be looked up all at once. */
export function symbolsOfOperand(operand: string, arch: ProbeArch): string[] {
  const names: string[] = [];
  parseOperand(operand, {
    arch,
    fixed: true,
    symbol: (name) => {
      names.push(name);
      return undefined;
    },
  });
  return names;
}

function none(reason: string): Place {
  return { kind: 'none', reason };
}

const FLOAT_REASON = 'a floating-point register: the kernel does not record those';
const INDEX_REASON = 'memory at the sum of two registers: the kernel can add only a constant';
const THREAD_LOCAL_REASON = "thread-local memory: the kernel can't find it";

type RegisterPlace = Extract<Place, { kind: 'register' }>;

const X86_REGISTERS: ReadonlyMap<string, RegisterPlace> = x86Registers();

function x86Registers(): Map<string, RegisterPlace> {
  const table = new Map<string, RegisterPlace>();
  const add = (spelling: string, name: string, bits: RegisterPlace['bits'], shift: 0 | 8 = 0): void => {
    table.set(spelling, { kind: 'register', name, bits, shift });
  };
  for (const letter of ['a', 'b', 'c', 'd']) {
    const name = `${letter}x`;
    add(`r${name}`, name, 64);
    add(`e${name}`, name, 32);
    add(name, name, 16);
    add(`${letter}l`, name, 8);
    add(`${letter}h`, name, 8, 8);
  }
  for (const name of ['si', 'di', 'bp', 'sp']) {
    add(`r${name}`, name, 64);
    add(`e${name}`, name, 32);
    add(name, name, 16);
    add(`${name}l`, name, 8);
  }
  for (let n = 8; n <= 15; n++) {
    add(`r${n}`, `r${n}`, 64);
    add(`r${n}d`, `r${n}`, 32);
    add(`r${n}w`, `r${n}`, 16);
    add(`r${n}b`, `r${n}`, 8);
    add(`r${n}l`, `r${n}`, 8);
  }
  add('rip', 'ip', 64);
  add('eip', 'ip', 32);
  return table;
}

/** The names that the kernel knows on x86-64 only. */
const LONG_ONLY = /^r\d/;

function x86Register(spelling: string, arch: ProbeArch): RegisterPlace | undefined {
  const register = X86_REGISTERS.get(spelling);
  if (!register || arch === 'x64') return register;
  return register.bits === 64 || LONG_ONLY.test(register.name) ? undefined : register;
}

function x86(text: string, context: OperandContext): Place {
  const { arch, fixed, symbol } = context;
  if (/^%[c-g]?s:/.test(text)) {
    return /^%[fg]s:/.test(text) ? none(THREAD_LOCAL_REASON) : x86(text.slice(4), context);
  }
  if (text.startsWith('%')) {
    const spelling = text.slice(1).toLowerCase();
    if (/^([xyz]?mm\d+|st(\(\d\))?|k\d)$/.test(spelling)) return none(FLOAT_REASON);
    return x86Register(spelling, arch) ?? none(`a register ${text}, which the kernel does not record`);
  }
  if (text.startsWith('$')) {
    const sum = parseSum(text.slice(1));
    if (!sum || sum.suffix) return none('a constant that is not understood');
    if (sum.symbol === undefined) return { kind: 'constant', value: sum.constant };
    const address = symbol(sum.symbol);
    if (!fixed) return none(`the address of ${sum.symbol}: it differs between processes`);
    return address === undefined
      ? none(`the address of ${sum.symbol}, which the file's symbol tables do not have`)
      : { kind: 'constant', value: address + sum.constant };
  }

  const memory = /^([^()]*)\(([^()]*)\)$/.exec(text);
  const sum = parseSum(memory ? memory[1]! : text);
  if (!sum || text === '') return none('an operand that is not understood');
  if (sum.suffix !== '' && sum.suffix !== 'GOTOFF') {
    return none(
      /TPOFF|TLS|DTP|NTP/i.test(sum.suffix) ? THREAD_LOCAL_REASON : `memory through a table (@${sum.suffix})`,
    );
  }
  let [base = '', index = '', scale = '1'] = memory ? memory[2]!.split(',').map((part) => part.trim()) : [];
  if (index === '%riz' || index === '%eiz') index = '';
  if (base === '' && index !== '' && scale === '1') [base, index] = [index, ''];
  if (index !== '') return none(INDEX_REASON);

  const relative = base === '%rip' || base === '%eip';
  if (sum.symbol !== undefined) {
    const address = symbol(sum.symbol);
    if (address === undefined) {
      return none(`memory at ${sum.symbol}, which the file's symbol tables do not have`);
    }
    // GOTOFF is the distance from the table whose address the register has: together, the symbol.
    if (base === '' || relative || sum.suffix === 'GOTOFF')
      return { kind: 'file', address: address + sum.constant };
    if (!fixed) return none(`memory at ${sum.symbol} + a register: the kernel can't add both`);
    sum.constant += address;
  } else if (relative) {
    return none('memory relative to an instruction that the note does not name');
  } else if (base === '') {
    return { kind: 'absolute', address: sum.constant };
  }
  if (!base.startsWith('%')) return none('an operand that is not understood');
  const register = x86Register(base.slice(1).toLowerCase(), arch);
  if (!register) return none(`memory at ${base}, which the kernel does not record`);
  return { kind: 'memory', base: register.name, offset: sum.constant };
}

interface Sum {
  constant: bigint;
  symbol: string | undefined;
  /** What follows a symbol's `@`. */
  suffix: string;
}

/** A sum of constants and at most one symbol: `-8`, `16+table`, `counter+4`, `x@GOTOFF-4`. */
function parseSum(text: string): Sum | undefined {
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

function arm64(text: string, { symbol }: OperandContext): Place {
  const lower = text.toLowerCase();
  const register = arm64Register(lower);
  if (register) return register;
  if (/^[bhsdqv]\d+(\.\w+)?$/.test(lower)) return none(FLOAT_REASON);
  const constant = parseSum(text.replace(/^#/, ''));
  if (constant && text !== '' && constant.symbol === undefined)
    return { kind: 'constant', value: constant.constant };

  const memory = /^\[([^\]]*)\](.*)$/.exec(text);
  if (!memory) return none('an operand that is not understood');
  if (memory[2] !== '') return none('memory at a register that the access changes');
  const [base = '', offset, ...extend] = memory[1]!.split(',').map((part) => part.trim());
  const place = arm64Register(base.toLowerCase());
  if (place?.kind !== 'register' || place.bits !== 64) return none('an operand that is not understood');
  if (offset === undefined) return { kind: 'memory', base: place.name, offset: 0n };
  if (extend.length > 0 || arm64Register(offset.toLowerCase())) return none(INDEX_REASON);
  const low = /^#?:(\w+):(.+)$/.exec(offset);
  const sum = parseSum(low ? low[2]! : offset.replace(/^#/, ''));
  if (!sum) return none('an operand that is not understood');
  if (sum.symbol === undefined) return { kind: 'memory', base: place.name, offset: sum.constant };
  // The register has the symbol's page, :lo12: is the rest: together, the symbol.
  if (low?.[1] !== 'lo12')
    return none(/tls|tprel/.test(low?.[1] ?? '') ? THREAD_LOCAL_REASON : 'memory through a table');
  const address = symbol(sum.symbol);
  return address === undefined
    ? none(`memory at ${sum.symbol}, which the file's symbol tables do not have`)
    : { kind: 'file', address: address + sum.constant };
}

function arm64Register(spelling: string): RegisterPlace | Extract<Place, { kind: 'constant' }> | undefined {
  if (spelling === 'xzr' || spelling === 'wzr') return { kind: 'constant', value: 0n };
  const named: Readonly<Record<string, string>> = { fp: 'x29', lr: 'x30', ip0: 'x16', ip1: 'x17', wsp: 'sp' };
  if (spelling === 'sp' || spelling in named) {
    return { kind: 'register', name: named[spelling] ?? 'sp', bits: spelling === 'wsp' ? 32 : 64, shift: 0 };
  }
  const match = /^([xw])(\d+)$/.exec(spelling);
  if (!match || Number(match[2]) > 30) return undefined;
  return { kind: 'register', name: `x${Number(match[2])}`, bits: match[1] === 'x' ? 64 : 32, shift: 0 };
}
