/**
 * - operands: https://sourceware.org/binutils/docs/as/AArch64-Syntax.html
 * - registers by the kernel's names: arch/arm64/kernel/ptrace.c (regoffset_table)
 */

import type { ProcessorReader } from '../arch.ts';
import {
  FLOAT_REASON,
  INDEX_REASON,
  NOT_UNDERSTOOD,
  noPlace,
  type OperandContext,
  type OperandPlace,
  parseSum,
  type RegisterPlace,
  THREAD_LOCAL_REASON,
  unknownSymbol,
} from '../operand-place.ts';

const NAMED: Readonly<Record<string, string>> = { fp: 'x29', lr: 'x30', ip0: 'x16', ip1: 'x17', wsp: 'sp' };

function parseOperand(operand: string, { symbol }: OperandContext): OperandPlace {
  const text = operand.trim();
  const lower = text.toLowerCase();
  const found = register(lower);
  if (found) return found;
  if (/^[bhsdqv]\d+(\.\w+)?$/.test(lower)) return noPlace(FLOAT_REASON);
  const constant = parseSum(text.replace(/^#/, ''));
  if (constant && text !== '' && constant.symbol === undefined)
    return { kind: 'constant', value: constant.constant };

  const memory = /^\[([^\]]*)\](.*)$/.exec(text);
  if (!memory) return noPlace(NOT_UNDERSTOOD);
  if (memory[2] !== '') return noPlace('memory at a register that the access changes');
  const [base = '', offset, ...extend] = memory[1]!.split(',').map((part) => part.trim());
  const place = register(base.toLowerCase());
  if (place?.kind !== 'register' || place.bits !== 64) return noPlace(NOT_UNDERSTOOD);
  if (offset === undefined) return { kind: 'memory', base: place.name, offset: 0n };
  if (extend.length > 0 || register(offset.toLowerCase())) return noPlace(INDEX_REASON);
  const low = /^#?:(\w+):(.+)$/.exec(offset);
  const sum = parseSum(low ? low[2]! : offset.replace(/^#/, ''));
  if (!sum) return noPlace(NOT_UNDERSTOOD);
  if (sum.symbol === undefined) return { kind: 'memory', base: place.name, offset: sum.constant };
  // The register has the symbol's page, :lo12: is the rest: together, the symbol.
  if (low?.[1] !== 'lo12')
    return noPlace(/tls|tprel/.test(low?.[1] ?? '') ? THREAD_LOCAL_REASON : 'memory through a table');
  const address = symbol(sum.symbol);
  return address === undefined
    ? unknownSymbol(sum.symbol)
    : { kind: 'file', address: address + sum.constant };
}

function register(spelling: string): RegisterPlace | Extract<OperandPlace, { kind: 'constant' }> | undefined {
  if (spelling === 'xzr' || spelling === 'wzr') return { kind: 'constant', value: 0n };
  if (spelling === 'sp' || spelling in NAMED) {
    return { kind: 'register', name: NAMED[spelling] ?? 'sp', bits: spelling === 'wsp' ? 32 : 64, shift: 0 };
  }
  const match = /^([xw])(\d+)$/.exec(spelling);
  if (!match || Number(match[2]) > 30) return undefined;
  return { kind: 'register', name: `x${Number(match[2])}`, bits: match[1] === 'x' ? 64 : 32, shift: 0 };
}

export const ARM64_READER: ProcessorReader = {
  kernel: 'arm64',
  parseOperand,
  // One instruction.
  patchedLength: (code) => Math.min(4, code.length),
  appleNames: { 0: 'arm64', 2: 'arm64e' },
  // The lowest bit says nothing of the address: instructions are aligned to four bytes.
  appleSite: (address) => address & ~1n,
};
