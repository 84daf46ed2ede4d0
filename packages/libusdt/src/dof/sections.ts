/**
 * The parts of a document while it is being written: its string table, and its list of sections, which gives each
 * an index and a place.
 */

import { alignUp, cStringLength, writeCString } from '../object/bytes.ts';
import { DOF_SECF_LOAD, SIZE } from './constants.ts';
import type { DofSec } from './structures.ts';

/** Strings, each stored once; it begins with the empty one. */
export class DofStrings {
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #texts: string[] = [''];
  #size = 1;

  get size(): number {
    return this.#size;
  }

  /** Offset of a string. @throws RangeError for a NUL in it. */
  add(text: string): number {
    return this.#put(text, [text]);
  }

  /** Offset of the first of these strings, which stand one after another. */
  addRun(texts: readonly string[]): number {
    if (texts.length === 0) return 0;
    for (const text of texts) cStringLength(text);
    return this.#put(texts.join('\0'), texts);
  }

  write(out: Uint8Array, offset: number): void {
    let at = offset;
    for (const text of this.#texts) at = writeCString(out, at, text);
  }

  #put(key: string, texts: readonly string[]): number {
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    const offset = this.#size;
    for (const text of texts) {
      this.#size += cStringLength(text) + 1;
      this.#texts.push(text);
    }
    this.#offsets.set(key, offset);
    return offset;
  }
}

/** What a section is, but for its place. */
export interface SectionKind {
  readonly type: number;
  readonly align: 1 | 4 | 8;
  readonly entsize: number;
}

/** A list of sections of known sizes, with everything loaded, one after another behind their headers. */
export class DofSections {
  readonly #kinds: (SectionKind & { readonly size: number })[] = [];

  /** Its index, by which other sections refer to it. */
  add(kind: SectionKind, size: number): number {
    return this.#kinds.push({ ...kind, size }) - 1;
  }

  /** Places them. */
  finish(): { readonly sections: readonly DofSec<number>[]; readonly size: number } {
    let end: number = SIZE.hdr + this.#kinds.length * SIZE.sec;
    const sections = this.#kinds.map(({ type, align, entsize, size }) => {
      const offset = alignUp(end, align);
      end = offset + size;
      return { type, align, flags: DOF_SECF_LOAD, entsize, offset, size };
    });
    return { sections, size: end };
  }
}
