/**
 * What writing many notes of one kind has in common, without an object or a small array per note.
 *
 * The loops over the notes are in the modules of the kinds. V8 would compile a common one for the first kind, and throw that
 * away when it meets the second: a tenth of the time that 10,000 probes take.
 */

import { alignUp, cString } from '../bytes.ts';
import type { SectionWriter } from '../section.ts';
import type { ElfEncoder } from './encoder.ts';
import type { NoteKind } from './notes.ts';

export class NoteWriter {
  /** Where a note's description begins, from the start of the note. */
  readonly desc: number;
  readonly #encoder: ElfEncoder;
  readonly #start: Uint8Array;

  constructor(encoder: ElfEncoder, { owner, type }: NoteKind) {
    const name = cString(owner);
    this.#encoder = encoder;
    this.desc = encoder.sizes.nhdr + alignUp(name.length, 4);
    this.#start = new Uint8Array(this.desc);
    encoder.nhdr(new DataView(this.#start.buffer), 0, { n_namesz: name.length, n_descsz: 0, n_type: type });
    this.#start.set(name, encoder.sizes.nhdr);
  }

  /** Header and owner of a note, and room for so many bytes of its description. */
  start(size: number): Uint8Array {
    const bytes = new Uint8Array(this.desc + size);
    bytes.set(this.#start);
    return bytes;
  }

  /** Ends the note that begins at `at`: its last byte is before `end`. @returns the offset of the next note. */
  end(view: DataView, at: number, end: number): number {
    this.#encoder.descsz(view, at, end - at - this.desc);
    return at + alignUp(end - at, 4);
  }
}

/** All bytes of a section. */
export function written(section: SectionWriter): Uint8Array {
  const bytes = new Uint8Array(section.length);
  section.write(bytes);
  return bytes;
}
