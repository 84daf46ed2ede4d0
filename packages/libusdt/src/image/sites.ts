/**
 * Where the probes of an image lie: four numbers each, kept for as long as the image is loaded. A table, since ten
 * thousand objects would take four times its memory.
 */

import type { ProbeSite } from '../asm/assembler.ts';
import type { Sequence } from '../model/sequence.ts';
import type { ByteOrder } from '../model/target.ts';

/** Where a probe lies, in bytes from `libusdt_text`. */
export interface ImageSite {
  readonly entry: number;
  readonly site: number;
  /** The 32-bit word at `site` while nobody traces. */
  readonly idle: number;
}

const COLUMNS = 4;

export class ImageSites implements Sequence<ImageSite> {
  readonly length: number;
  readonly #words: Int32Array;
  readonly #row = { entry: 0, site: 0, idle: 0 };

  constructor(length: number) {
    this.length = length;
    this.#words = new Int32Array(COLUMNS * length);
  }

  place(index: number, { entry, site, end }: ProbeSite): void {
    const row = COLUMNS * index;
    this.#words[row] = entry;
    this.#words[row + 1] = site;
    this.#words[row + 2] = end;
  }

  /** A run of equal ones, the first of which lies at `first`. */
  placeRun(index: number, size: number, first: ProbeSite, stride: number): void {
    const words = this.#words;
    let { entry, site, end } = first;
    const last = COLUMNS * (index + size);
    for (let row = COLUMNS * index; row < last; row += COLUMNS) {
      words[row] = entry;
      words[row + 1] = site;
      words[row + 2] = end;
      entry += stride;
      site += stride;
      end += stride;
    }
  }

  /** Once the code is finished. @param order of the processor that it is for, whose words will be compared with them. */
  readIdle(text: Uint8Array, order: ByteOrder): void {
    const code = new DataView(text.buffer, text.byteOffset, text.length);
    const little = order === 'lsb';
    for (let row = 0; row < this.#words.length; row += COLUMNS) {
      this.#words[row + 3] = code.getInt32(this.#words[row + 1]!, little);
    }
  }

  entry(index: number): number {
    return this.#words[COLUMNS * index]!;
  }

  site(index: number): number {
    return this.#words[COLUMNS * index + 1]!;
  }

  end(index: number): number {
    return this.#words[COLUMNS * index + 2]!;
  }

  idle(index: number): number {
    return this.#words[COLUMNS * index + 3]!;
  }

  /** One and the same object each time. */
  at(index: number): ImageSite | undefined {
    if (!(index >= 0 && index < this.length)) return undefined;
    this.#row.entry = this.entry(index);
    this.#row.site = this.site(index);
    this.#row.idle = this.idle(index);
    return this.#row;
  }
}
