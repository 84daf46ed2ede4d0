/**
 * The notes of a SHT_NOTE section or PT_NOTE segment: records of an owner's name, a type that the owner defines, and
 * its description.
 *
 * `n_namesz` counts the name's NUL; neither size counts the padding behind. Padding is to 4 bytes in ELF64 too,
 * whatever the specification said; only GNU properties (sections with an alignment of 8) pad to 8.
 *
 * https://gabi.xinuos.com/elf/07-pheader.html#note-section
 */

import { alignUp, cStringLength, decodeText, writeCString } from '../bytes.ts';
import type { ElfFormat } from './constants.ts';
import { DescReader, type ElfNote, type LocatedNote } from './desc.ts';
import { ElfEncoder } from './encoder.ts';
import { ElfError } from './error.ts';

const NHDR_SIZE = 12;

/**
 * The notes of a section, one after another; descriptions are views, not copies.
 * @param align `sh_addralign` of the section; anything but 8 means 4.
 * @throws ElfError where a note does not end within the section.
 */
export function* readNotes(section: Uint8Array, format: ElfFormat, align = 4): Generator<LocatedNote> {
  const padding = align === 8 ? 8 : 4;
  const little = format.data === 'lsb';
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  let lastName: Uint8Array | undefined;
  let name = '';
  for (let at = 0; at < section.length; ) {
    if (at + NHDR_SIZE > section.length)
      throw new ElfError('a note header does not fit into its section', at);
    const namesz = view.getUint32(at, little);
    const descsz = view.getUint32(at + 4, little);
    const descOffset = alignUp(at + NHDR_SIZE + namesz, padding);
    const end = descOffset + descsz;
    if (descOffset > section.length || end > section.length) {
      throw new ElfError(`a note of ${namesz} + ${descsz} bytes does not fit into its section`, at);
    }
    // A section's notes nearly always have one owner: decode its name once.
    const rawName = section.subarray(at + NHDR_SIZE, at + NHDR_SIZE + namesz);
    if (lastName === undefined || !equal(lastName, rawName)) {
      const nul = rawName.indexOf(0);
      name = decodeText(nul === -1 ? rawName : rawName.subarray(0, nul));
      lastName = rawName;
    }
    yield { name, type: view.getUint32(at + 8, little), desc: section.subarray(descOffset, end), descOffset };
    at = alignUp(end, padding);
  }
}

/** What makes a note one of a kind: who defined it, and its type there. */
export interface NoteKind {
  readonly owner: string;
  readonly type: number;
}

/**
 * The descriptions of the notes of one kind in a section.
 * @throws ElfError as readNotes() does.
 */
export function* readDescriptions(
  section: Uint8Array,
  format: ElfFormat,
  { owner, type }: NoteKind,
): Generator<DescReader> {
  for (const note of readNotes(section, format)) {
    if (note.name === owner && note.type === type) yield new DescReader(note, format);
  }
}

/** A 4-aligned section of these notes. @throws RangeError when a name has a NUL. */
export function encodeNotes(notes: readonly ElfNote[], format: ElfFormat): Uint8Array {
  const encoder = new ElfEncoder(format);
  let size = 0;
  for (const { name, desc } of notes) {
    size += NHDR_SIZE + alignUp(nameSize(name), 4) + alignUp(desc.length, 4);
  }
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { name, type, desc } of notes) {
    const n_namesz = nameSize(name);
    at = encoder.nhdr(view, at, { n_namesz, n_descsz: desc.length, n_type: type });
    if (n_namesz > 0) writeCString(bytes, at, name);
    at += alignUp(n_namesz, 4);
    bytes.set(desc, at);
    at += alignUp(desc.length, 4);
  }
  return bytes;
}

/** A note without an owner has no name at all, not an empty one. */
function nameSize(name: string): number {
  return name === '' ? 0 : cStringLength(name) + 1;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
