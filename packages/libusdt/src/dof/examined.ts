/**
 * What the rules look at: a document whose header has been found to be right, read anew each time, since relocations
 * may change anything of it.
 */

import { decodeText } from '../object/bytes.ts';
import * as dof from './constants.ts';
import type { DofEffect, DofRule } from './rules.ts';
import { type DofSec, type DofView, OutsideDocument, readHdr, readSec, requireBytes } from './structures.ts';
import type { DofSystem } from './systems.ts';

export interface Examined {
  /** Its dofh_loadsz bytes: what a kernel has of it. */
  readonly view: DofView;
  readonly version: number;
  readonly system: DofSystem;
  report(rule: DofRule, effect: DofEffect, detail: string): void;
}

/** Thrown where a system stops: the document is refused as a whole, and this has been reported. */
export class Refused {}

/** Reports the rule, and stops. */
export function refuse({ report }: Examined, rule: DofRule, detail: string): never {
  report(rule, 'refused', detail);
  throw new Refused();
}

export function isLoaded({ flags }: DofSec): boolean {
  return (flags & dof.DOF_SECF_LOAD) !== 0;
}

/** Can it be the name of a file? */
export function canBeFile(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

/** Where the header of a section is. */
export function sectionHeaderAt({ view }: Examined, index: number): number {
  const { secoff, secsize } = readHdr(view);
  return Number(secoff) + index * secsize;
}

/** Its sections, in order. */
export function* sectionsOf(document: Examined): Generator<DofSec> {
  for (let index = 0; index < readHdr(document.view).secnum; index++) {
    yield readSec(document.view, sectionHeaderAt(document, index));
  }
}

/** The section of that index, if it is what it must be; any type for NONE. */
export function referred(document: Examined, index: number, type: number): DofSec | string {
  const { secnum } = readHdr(document.view);
  if (index >= secnum) return `section ${index} of ${secnum}`;
  const section = readSec(document.view, sectionHeaderAt(document, index));
  if (!isLoaded(section)) return `section ${index} is not loaded`;
  if (type !== dof.DOF_SECT_NONE && section.type !== type) {
    return `section ${index} is of type ${section.type}, not ${type}`;
  }
  return section;
}

/** Most bytes of a string that are shown. */
const MOST_SHOWN = 256;

/** A string table. */
export class StringTable {
  readonly size: bigint;
  /** From its start to the end of the document: a relocation may have changed its last NUL. */
  readonly #bytes: Uint8Array;

  /** @throws OutsideDocument */
  constructor({ view }: Examined, { offset, size }: DofSec) {
    requireBytes(view.bytes, Number(offset), 0);
    const { buffer, byteOffset, byteLength } = view.bytes;
    this.size = size;
    this.#bytes = new Uint8Array(buffer, byteOffset + Number(offset), byteLength - Number(offset));
  }

  /**
   * Bytes of the string at an offset, without the NUL, `limit` if there are no fewer; undefined outside the table.
   * @throws OutsideDocument if the document ends before it does.
   */
  length(at: number, limit: number): number | undefined {
    if (at >= this.size) return undefined;
    const length = this.#bytes.subarray(at, at + limit).indexOf(0);
    if (length !== -1) return length;
    if (at + limit > this.#bytes.length) throw new OutsideDocument(`a string at ${at} of a string table`);
    return limit;
  }

  /** The string at an offset, cut if it is long; empty outside the table. */
  text(at: number): string {
    if (at >= this.size) return '';
    const start = this.#bytes.subarray(at, at + MOST_SHOWN);
    const length = start.indexOf(0);
    return decodeText(length === -1 ? start : start.subarray(0, length));
  }
}

/** @throws OutsideDocument */
export function byteAt({ view }: Examined, at: number): number {
  requireBytes(view.bytes, at, 1);
  return view.bytes.getUint8(at);
}

/** Numbers of 32 bits in a row. @throws OutsideDocument */
export function wordsAt({ view }: Examined, { offset }: DofSec, first: number, count: number): number[] {
  const start = Number(offset) + first * dof.SIZE.offset;
  requireBytes(view.bytes, start, count * dof.SIZE.offset);
  return Array.from({ length: count }, (_, i) => view.bytes.getUint32(start + i * 4, view.little));
}
