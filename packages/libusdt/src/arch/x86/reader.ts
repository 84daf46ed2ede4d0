/**
 * What x86-64 and i386 have in common for whoever reads files and memory of others.
 * Operands: https://sourceware.org/binutils/docs/as/i386_002dMemory.html
 */

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

/** A register by the assembler's name for it, without `%`. */
export type FindRegister = (spelling: string) => RegisterPlace | undefined;

export function parseX86Operand(operand: string, context: OperandContext, find: FindRegister): OperandPlace {
  const text = operand.trim();
  const { fixed, symbol } = context;
  if (/^%[c-g]?s:/.test(text)) {
    return /^%[fg]s:/.test(text)
      ? noPlace(THREAD_LOCAL_REASON)
      : parseX86Operand(text.slice(4), context, find);
  }
  if (text.startsWith('%')) {
    const spelling = text.slice(1).toLowerCase();
    if (/^([xyz]?mm\d+|st(\(\d\))?|k\d)$/.test(spelling)) return noPlace(FLOAT_REASON);
    return find(spelling) ?? noPlace(`a register ${text}, which the kernel does not record`);
  }
  if (text.startsWith('$')) {
    const sum = parseSum(text.slice(1));
    if (!sum || sum.suffix) return noPlace('a constant that is not understood');
    if (sum.symbol === undefined) return { kind: 'constant', value: sum.constant };
    const address = symbol(sum.symbol);
    if (!fixed) return noPlace(`the address of ${sum.symbol}: it differs between processes`);
    return address === undefined
      ? noPlace(`the address of ${sum.symbol}, which the file's symbol tables do not have`)
      : { kind: 'constant', value: address + sum.constant };
  }

  const memory = /^([^()]*)\(([^()]*)\)$/.exec(text);
  const sum = parseSum(memory ? memory[1]! : text);
  if (!sum || text === '') return noPlace(NOT_UNDERSTOOD);
  if (sum.suffix !== '' && sum.suffix !== 'GOTOFF') {
    return noPlace(
      /TPOFF|TLS|DTP|NTP/i.test(sum.suffix) ? THREAD_LOCAL_REASON : `memory through a table (@${sum.suffix})`,
    );
  }
  let [base = '', index = '', scale = '1'] = memory ? memory[2]!.split(',').map((part) => part.trim()) : [];
  if (index === '%riz' || index === '%eiz') index = '';
  if (base === '' && index !== '' && scale === '1') [base, index] = [index, ''];
  if (index !== '') return noPlace(INDEX_REASON);

  const relative = base === '%rip' || base === '%eip';
  if (sum.symbol !== undefined) {
    const address = symbol(sum.symbol);
    if (address === undefined) return unknownSymbol(sum.symbol);
    // GOTOFF is the distance from the table whose address the register has: together, the symbol.
    if (base === '' || relative || sum.suffix === 'GOTOFF')
      return { kind: 'file', address: address + sum.constant };
    if (!fixed) return noPlace(`memory at ${sum.symbol} + a register: the kernel can't add both`);
    sum.constant += address;
  } else if (relative) {
    return noPlace('memory relative to an instruction that the note does not name');
  } else if (base === '') {
    return { kind: 'absolute', address: sum.constant };
  }
  if (!base.startsWith('%')) return noPlace(NOT_UNDERSTOOD);
  const register = find(base.slice(1).toLowerCase());
  if (!register) return noPlace(`memory at ${base}, which the kernel does not record`);
  return { kind: 'memory', base: register.name, offset: sum.constant };
}

/** The instruction, or a long nop, also one behind a one-byte one. */
export function patchedLengthOnX86(code: Uint8Array): number {
  const after = code[0] === 0x90 ? 1 : 0;
  // nop5 is 0f 1f 44 00 00, nop10 is 66 2e 0f 1f 84 00 00 00 00 00.
  if (code[after] === 0x0f && code[after + 1] === 0x1f && code[after + 2] === 0x44) return after + 5;
  if (code[after] === 0x66 && code[after + 1] === 0x2e && code[after + 2] === 0x0f) return after + 10;
  return Math.min(1, code.length);
}

/**
 * What Apple's linker notes of a probe is the place of a call's operand, behind its first byte; of a question, what is two bytes
 * before the instruction that the kernel overwrites.
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/dev/dtrace/fasttrap.c (fasttrap_meta_create_probe)
 */
export function appleSiteOnX86(address: bigint, isEnabled: boolean): bigint {
  return address + (isEnabled ? 2n : -1n);
}
