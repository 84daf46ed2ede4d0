/**
 * Stability attributes as DOF carries them: one 32-bit word each, (names << 24) | (data << 16) | (class << 8),
 * as DOF_ATTR() of <sys/dtrace.h> has it.
 */

import { type Attribute, type Attributes, DEPENDENCY_CLASSES, STABILITIES } from '../model/attributes.ts';
import type { DofAttributes } from './document.ts';

export function packAttribute([names, data, dependency]: Attribute): number {
  const [high, middle] = [STABILITIES.indexOf(names), STABILITIES.indexOf(data)];
  return pack(high, middle, DEPENDENCY_CLASSES.indexOf(dependency));
}

/** Undefined for numbers that have no name. */
export function unpackAttribute(word: number): Attribute | undefined {
  const names = STABILITIES[word >>> 24];
  const data = STABILITIES[(word >>> 16) & 0xff];
  const dependency = DEPENDENCY_CLASSES[(word >>> 8) & 0xff];
  return names && data && dependency && [names, data, dependency];
}

export function dofAttributes(attributes: Attributes): DofAttributes {
  return {
    provattr: packAttribute(attributes.provider),
    modattr: packAttribute(attributes.module),
    funcattr: packAttribute(attributes.function),
    nameattr: packAttribute(attributes.name),
    argsattr: packAttribute(attributes.args),
  };
}

/**
 * What libusdt declares: everything stable, of a class that has no name. Kernels cap that to ISA.
 * With it, D refuses `args[]` where a description names no function and matches several probes.
 * https://github.com/chrisa/libusdt/blob/master/usdt_dof_sections.c
 */
export const LIBUSDT_ATTRIBUTES: DofAttributes = (() => {
  const word = pack(STABILITIES.indexOf('Stable'), STABILITIES.indexOf('Stable'), DEPENDENCY_CLASSES.length);
  return { provattr: word, modattr: word, funcattr: word, nameattr: word, argsattr: word };
})();

function pack(names: number, data: number, dependency: number): number {
  return ((names << 24) | (data << 16) | (dependency << 8)) >>> 0;
}
