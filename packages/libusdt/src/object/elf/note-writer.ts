/** Writes many notes of one kind, without an object or a small array per note. */

import type { Sequence } from '../../model/sequence.ts';
import { alignUp, cString, NO_BYTES } from '../bytes.ts';
import type { SectionWriter } from '../section.ts';
import type { ElfFormat } from './constants.ts';
import { ElfEncoder } from './encoder.ts';
import type { NoteKind } from './notes.ts';

/** How an item becomes the description of a note. */
export interface NoteDescription<Item> {
  /** What it begins with: the same array again for items that begin alike. */
  beginning(item: Item): Uint8Array;
  /** Bytes that follow the beginning. @throws RangeError for an item that can't be in a note. */
  restSize(item: Item): number;
  /**
   * Writes what follows, and what differs in the beginning, which has been copied.
   * @param desc offset of the description in `out`.
   * @param rest offset behind its beginning.
   * @returns the offset behind its last byte.
   */
  write(out: Uint8Array, view: DataView, desc: number, rest: number, item: Item): number;
}

/**
 * The contents of a 4-aligned section with one note per item. The items are asked for twice: now, for the size, and when
 * the section is written.
 */
export function planNotes<Item>(
  items: Sequence<Item>,
  format: ElfFormat,
  { owner, type }: NoteKind,
  description: NoteDescription<Item>,
): SectionWriter {
  const encoder = new ElfEncoder(format);
  const name = cString(owner);
  const header = new Uint8Array(encoder.sizes.nhdr + alignUp(name.length, 4));
  encoder.nhdr(new DataView(header.buffer), 0, { n_namesz: name.length, n_descsz: 0, n_type: type });
  header.set(name, encoder.sizes.nhdr);
  let beginning = NO_BYTES;
  let start = header;
  /** A note up to what differs from the one before it. */
  const startOf = (item: Item): Uint8Array => {
    const its = description.beginning(item);
    if (its === beginning) return start;
    beginning = its;
    start = new Uint8Array(header.length + its.length);
    start.set(header);
    start.set(its, header.length);
    return start;
  };
  let length = 0;
  for (let i = 0; i < items.length; i++) {
    const item = items.at(i)!;
    length += alignUp(startOf(item).length + description.restSize(item), 4);
  }
  return {
    length,
    write(out) {
      const view = new DataView(out.buffer, out.byteOffset, out.length);
      for (let i = 0, at = 0; i < items.length; i++) {
        const item = items.at(i)!;
        const common = startOf(item);
        const desc = at + header.length;
        out.set(common, at);
        const end = description.write(out, view, desc, at + common.length, item);
        encoder.descsz(view, at, end - desc);
        at += alignUp(end - at, 4);
      }
    },
  };
}

/** All bytes of a section. */
export function written(section: SectionWriter): Uint8Array {
  const bytes = new Uint8Array(section.length);
  section.write(bytes);
  return bytes;
}
