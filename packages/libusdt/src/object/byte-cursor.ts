/** Reads the fields of a file's structures one after another, in the file's word size and byte order. */

import { decodeText } from './bytes.ts';

/** Word size and byte order of a file. */
export interface WordFormat {
  readonly class: 32 | 64;
  readonly data: 'lsb' | 'msb';
}

/** The caller checks with `seek` or `checkRange` that a structure lies in the file, before it reads the fields. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  readonly format: WordFormat;
  /** Offset of the next field. */
  at = 0;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #error: (message: string, offset: number) => Error;

  /** @param error makes what is thrown for a malformed file. */
  constructor(bytes: Uint8Array, format: WordFormat, error: (message: string, offset: number) => Error) {
    this.bytes = bytes;
    this.format = format;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = format.data === 'lsb';
    this.#error = error;
  }

  /** Goes to a structure of `size` bytes, which must lie in the file. */
  seek(offset: number, size: number, what: string): void {
    this.checkRange(offset, size, what, offset);
    this.at = offset;
  }

  /** @param at where the error is: what says that the range is there. */
  checkRange(offset: number, size: number, what: string, at: number): void {
    const { length } = this.bytes;
    if (offset + size > length)
      throw this.#error(`${what}: bytes ${offset} to ${offset + size} of ${length}`, at);
  }

  half(): number {
    const value = this.#view.getUint16(this.at, this.#little);
    this.at += 2;
    return value;
  }

  word32(): number {
    const value = this.#view.getUint32(this.at, this.#little);
    this.at += 4;
    return value;
  }

  /** As wide as the words of the file. */
  word(): bigint {
    if (this.format.class === 32) return BigInt(this.word32());
    const value = this.#view.getBigUint64(this.at, this.#little);
    this.at += 8;
    return value;
  }

  /** An offset or size: as a number, which holds any that a file can have. */
  offset(what: string): number {
    const { at } = this;
    const value = this.word();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#error(`${what} is ${value}`, at);
    return Number(value);
  }

  /** Text in a field of `size` bytes, which ends with NUL if it is shorter. */
  text(size: number): string {
    const field = this.bytes.subarray(this.at, this.at + size);
    this.at += size;
    const nul = field.indexOf(0);
    return decodeText(nul === -1 ? field : field.subarray(0, nul));
  }
}
