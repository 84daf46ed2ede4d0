/**
 * The calling convention that most processors have: integers in registers of one kind, floating-point numbers in registers of
 * another, each in order, and what is left over on the stack, upwards.
 */

import type { ArgumentPlace, CallingConvention, PassedType } from './arch.ts';

interface InOrder {
  /** Registers for integers and pointers, and for floating-point numbers. */
  readonly integers: number;
  readonly floats: number;
  /** Bytes that an argument takes at least on the stack. Its place is aligned to what it takes, at most to a word. */
  readonly slot: 1 | 4 | 8;
  /** Bytes of a word. */
  readonly word: 4 | 8;
  /** Bytes between the stack pointer and the first argument there; none unless told otherwise. */
  readonly start?: number;
  readonly variadicOnStack?: boolean;
}

export function inOrder({
  integers,
  floats,
  slot,
  word,
  start = 0,
  variadicOnStack = false,
}: InOrder): CallingConvention {
  return {
    argumentRegisters: integers,
    variadicOnStack,
    place(types: readonly PassedType[]): ArgumentPlace[] {
      const taken = { integer: 0, float: 0 };
      let stack = start;
      return types.map(({ size, float }) => {
        const kind = float ? 'float' : 'integer';
        if (taken[kind] < (float ? floats : integers)) return { kind, index: taken[kind]++ };
        const bytes = Math.max(size, slot);
        const alignment = Math.min(bytes, word);
        const offset = Math.ceil(stack / alignment) * alignment;
        stack = offset + bytes;
        return { kind: 'stack', offset };
      });
    },
  };
}
