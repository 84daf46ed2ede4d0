/**
 * Registers of x86 by the assembler's names -> the kernel's names: arch/x86/kernel/ptrace.c (regoffset_table).
 */

import type { RegisterPlace } from '../operand-place.ts';

/** Of x86-64; i386 has some of them (i386/reader.ts). */
export const X86_REGISTERS: ReadonlyMap<string, RegisterPlace> = registers();

function registers(): Map<string, RegisterPlace> {
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
