/**
 * What the rules look at: a document whose header and sections have been found to be right.
 * @module
 */

import * as dof from './constants.ts';
import type { DofEffect, DofRule } from './rules.ts';
import type { DofSec, DofView } from './structures.ts';
import type { DofSystem } from './systems.ts';

export interface Examined {
  readonly view: DofView;
  readonly version: number;
  readonly size: number;
  readonly sections: readonly DofSec[];
  readonly system: DofSystem;
  report(rule: DofRule, effect: DofEffect, detail: string): void;
}

export function isLoaded({ flags }: DofSec): boolean {
  return (flags & dof.DOF_SECF_LOAD) !== 0;
}

/** Can it be the name of a file? */
export function canBeFile(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

/** The section of that index, if it is what it must be; any type for NONE. */
export function referred(document: Examined, index: number, type: number): DofSec | string {
  const section = document.sections[index];
  if (section === undefined) return `section ${index} of ${document.sections.length}`;
  if (!isLoaded(section)) return `section ${index} is not loaded`;
  if (type !== dof.DOF_SECT_NONE && section.type !== type) {
    return `section ${index} is of type ${section.type}, not ${type}`;
  }
  return section;
}

/** A string of a table, and its bytes without the NUL. */
export interface DofString {
  readonly text: string;
  readonly size: number;
}

const utf8 = new TextDecoder();

/** The string at an offset of a string table, which ends with NUL; undefined outside it. */
export function stringAt({ view }: Examined, { offset, size }: DofSec, at: number): DofString | undefined {
  if (at >= size) return undefined;
  const { buffer, byteOffset } = view.bytes;
  const table = new Uint8Array(buffer, byteOffset + Number(offset), Number(size));
  const end = table.indexOf(0, at);
  return { text: utf8.decode(table.subarray(at, end)), size: end - at };
}

/** Numbers of 32 bits in a row. */
export function wordsAt({ view }: Examined, { offset }: DofSec, first: number, count: number): number[] {
  const start = Number(offset) + first * dof.SIZE.offset;
  return Array.from({ length: count }, (_, i) => view.bytes.getUint32(start + i * 4, view.little));
}
