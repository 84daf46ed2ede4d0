/** Writes many notes of one kind, without an object or a small array per note. */

import type { Sequence } from '../../model/sequence.ts';
import { alignUp, cString } from '../bytes.ts';
import type { SectionWriter } from '../section.ts';
import type { ElfEncoder } from './encoder.ts';
import type { NoteKind } from './notes.ts';

/** How an item becomes a note. */
export interface NoteForm<Item> {
  /** Bytes of the whole note, without padding. @throws RangeError for an item that can't be in one. */
  size(item: Item): number;
  /**
   * Writes the note, and returns the offset behind its last byte.
   * @param desc offset of the description.
   */
  write(out: Uint8Array, view: DataView, at: number, desc: number, item: Item): number;
}

/** The header, the owner, and room for the beginning of the description, which is at the end of it. */
export function noteStart(encoder: ElfEncoder, { owner, type }: NoteKind, beginning: number) {
  const name = cString(owner);
  const desc = encoder.sizes.nhdr + alignUp(name.length, 4);
  const bytes = new Uint8Array(desc + beginning);
  encoder.nhdr(new DataView(bytes.buffer), 0, { n_namesz: name.length, n_descsz: 0, n_type: type });
  bytes.set(name, encoder.sizes.nhdr);
  return { bytes, desc };
}

/**
 * The contents of a 4-aligned section with one note per item. The items are asked for twice: now, for the size, and when
 * the section is written.
 */
export function planNotes<Item>(
  items: Sequence<Item>,
  encoder: ElfEncoder,
  kind: NoteKind,
  form: NoteForm<Item>,
): SectionWriter {
  const { desc } = noteStart(encoder, kind, 0);
  let length = 0;
  for (let i = 0; i < items.length; i++) length += alignUp(form.size(items.at(i)!), 4);
  return {
    length,
    write(out) {
      const view = new DataView(out.buffer, out.byteOffset, out.length);
      for (let i = 0, at = 0; i < items.length; i++) {
        const end = form.write(out, view, at, at + desc, items.at(i)!);
        encoder.descsz(view, at, end - at - desc);
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
