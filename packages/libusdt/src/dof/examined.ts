/**
 * What the rules look at: a document whose header and sections have been found to be right.
 * @module
 */

import { decodeText } from '../object/bytes.ts';
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

/** A string table, which ends with NUL. */
export class StringTable {
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor({ view }: Examined, { offset, size }: DofSec) {
    const { buffer, byteOffset } = view.bytes;
    this.size = Number(size);
    this.#bytes = new Uint8Array(buffer, byteOffset + Number(offset), this.size);
  }

  /** Bytes of the string at an offset, without the NUL; undefined outside the table. */
  length(at: number): number | undefined {
    return at < this.size ? this.#bytes.indexOf(0, at) - at : undefined;
  }

  /** The string at an offset; empty outside the table. */
  text(at: number): string {
    return decodeText(this.#bytes.subarray(at, at + (this.length(at) ?? 0)));
  }
}

/** Numbers of 32 bits in a row. */
export function wordsAt({ view }: Examined, { offset }: DofSec, first: number, count: number): number[] {
  const start = Number(offset) + first * dof.SIZE.offset;
  return Array.from({ length: count }, (_, i) => view.bytes.getUint32(start + i * 4, view.little));
}
