/**
 * A processor that is not: big-endian, with the stack arguments far from the stack pointer and with `e_flags`, which none of ours
 * has. Its numbers are mostly those of s390x, so that readelf knows it. Files of a processor in src/arch/ look like this one.
 */

import type { Processor, ProcessorReader } from '../../../src/arch/arch.ts';
import { inOrder } from '../../../src/arch/convention.ts';
import { NOT_UNDERSTOOD, noPlace } from '../../../src/arch/operand-place.ts';
import type { Assembler } from '../../../src/asm/assembler.ts';
import { CodeBuffer } from '../../../src/asm/buffer.ts';
import { paddingTo } from '../../../src/asm/ranges.ts';
import type { Arch } from '../../../src/model/target.ts';

/** In src/, it is one of that type. */
export const TOY_NAME = 'toy' as Arch;

export const NOP = 0x4700_0000;
export const RETURN = 0x07fe_0700;
const TRAP = 0x0001_0001;

const CONVENTION = inOrder({ integers: 5, floats: 4, slot: 8, word: 8, start: 160 });

export const TOY: Processor = {
  name: TOY_NAME,
  runtimeNames: ['toy390'],
  wordBits: 64,
  order: 'msb',
  systems: ['linux'],
  convention: () => CONVENTION,
  printOperand(place) {
    if (place.kind === 'stack') return `${place.offset}(%r15)`;
    return place.kind === 'float' ? `%f${2 * place.index}` : `%r${2 + place.index}`;
  },
  tracepoints: [{ since: [0, 0], encoding: 'nop' }],
  elf: { e_machine: 22, e_flags: 0x5, maxPageSize: 4096, relocations: 'rela', globDat: 10, relative: 12 },
  engineSize: 2048,
};

export const TOY_READER: ProcessorReader = {
  kernel: TOY_NAME,
  parseOperand(text) {
    const [, register] = /^%r(\d+)$/.exec(text) ?? [];
    if (register !== undefined) return { kind: 'register', name: `r${register}`, bits: 64, shift: 0 };
    const [, offset, base] = /^(-?\d+)\(%r(\d+)\)$/.exec(text) ?? [];
    if (offset !== undefined) return { kind: 'memory', base: `r${base}`, offset: BigInt(offset) };
    return noPlace(NOT_UNDERSTOOD);
  },
  patchedLength: (code) => Math.min(4, code.length),
  appleNames: {},
  appleSite: (address) => address,
};

/** What an image takes of an assembler: the engine needs all of it. */
export function createToyAssembler(): Assembler {
  const b = new CodeBuffer('msb');
  const none = (): never => {
    throw new Error('a toy runs no engine');
  };
  const align = (alignment: number, offset = 0): void => {
    for (let left = paddingTo(b.length, alignment, offset); left > 0; left -= 4) b.put32(TRAP);
  };
  return {
    arch: TOY_NAME,
    pointerSize: 8,
    get position() {
      return b.length;
    },
    label: () => b.label(),
    bind: (label) => b.bind(label),
    align,
    finish: () => b.finish(),
    probe(_, __, result = { entry: 0, site: 0, end: 0 }) {
      align(8);
      result.entry = result.site = b.length;
      b.put32(NOP);
      b.put32(RETURN);
      result.end = b.length;
      return result;
    },
    repeat: (size, count) => b.repeat(size, count),
    ...{ enter: none, leave: none, ret: none, move: none, immediate: none, addImmediate: none },
    ...{ addressOf: none, addressAt: none, addressOfLocal: none, loadLocal: none, storeLocal: none },
    ...{ load: none, store: none, callIndirect: none, jump: none, branchIfNonZero32: none },
    ...{ branchIfNotEqual: none, narrowText: none, callFrame: none },
  };
}
