/** A note, and reading the words and strings of its description. */

import { alignUp, decodeText } from '../bytes.ts';
import type { ElfFormat } from './constants.ts';
import { ElfError } from './error.ts';

export interface ElfNote {
  /** The owner, without its NUL. */
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

export interface LocatedNote extends ElfNote {
  /** Where the description starts in the section. */
  readonly descOffset: number;
}

export class DescReader {
  private readonly note: LocatedNote;
  private readonly view: DataView;
  private readonly little: boolean;
  private at = 0;

  constructor(note: LocatedNote, format: ElfFormat) {
    const { desc } = note;
    this.note = note;
    this.view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
    this.little = format.data === 'lsb';
  }

  /** An unsigned number of 4 or 8 bytes. */
  word(size: 4 | 8, what: string): bigint {
    const { at, view, little } = this;
    if (at + size > view.byteLength) throw this.error(`${what} is cut off`);
    this.at += size;
    return size === 8 ? view.getBigUint64(at, little) : BigInt(view.getUint32(at, little));
  }

  /** An unsigned number of one byte. */
  byte(what: string): number {
    const { at, view } = this;
    if (at >= view.byteLength) throw this.error(`${what} is cut off`);
    this.at += 1;
    return view.getUint8(at);
  }

  /** Skips padding, to a multiple of `alignment` bytes from the start of the description. */
  align(alignment: number): void {
    this.at = alignUp(this.at, alignment);
  }

  /** A NUL-terminated string. */
  string(what: string): string {
    const { at } = this;
    const { desc } = this.note;
    const end = desc.indexOf(0, at);
    if (end === -1) throw this.error(`${what} does not end with NUL`);
    this.at = end + 1;
    return decodeText(desc.subarray(at, end));
  }

  /** Insists that everything has been read. */
  end(): void {
    const rest = this.note.desc.length - this.at;
    if (rest > 0) throw this.error(`${rest} bytes follow the last string`);
  }

  error(message: string): ElfError {
    return new ElfError(`${this.note.name} note: ${message}`, this.note.descOffset + this.at);
  }
}
