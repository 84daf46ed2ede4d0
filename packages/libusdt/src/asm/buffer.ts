/**
 * The code buffer every architecture writes into: bytes that grow as needed, and labels.
 *
 * A reference to a label takes one 32-bit word. It is written when the code is finished, by the function that the
 * encoder left with it: from the distance to the label, that function makes the word and checks the reach.
 */

import type { ByteOrder } from '../model/target.ts';
import type { Assembler, Label } from './assembler.ts';

/** The 32-bit word of a reference, from the distance in bytes between that word's first byte and the label. */
export type EncodeDistance = (distance: number) => number;

interface Fixup {
  readonly label: Label;
  readonly at: number;
  readonly encode: EncodeDistance;
}

const INITIAL_CAPACITY = 1024;

export class CodeBuffer {
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  #length = 0;
  readonly #fixups: Fixup[] = [];
  /** From where a word's least significant byte is: to the next one, and from the word's first byte. */
  readonly #step: 1 | -1;
  readonly #lowest: 0 | 3;

  /** @param order of the words that `put32` writes: of instructions, which may differ from that of data. */
  constructor(order: ByteOrder) {
    this.#step = order === 'lsb' ? 1 : -1;
    this.#lowest = order === 'lsb' ? 0 : 3;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** The low 8 bits of `value`. */
  put8(value: number): void {
    const at = this.#advance(1);
    this.#bytes[at] = value;
  }

  /** The low 32 bits of `value`. */
  put32(value: number): void {
    this.#write32(this.#advance(4), value);
  }

  putBytes(bytes: ArrayLike<number>): void {
    // A loop, since what comes here is a dozen bytes: TypedArray.set costs more than the copy.
    const count = bytes.length;
    const at = this.#advance(count);
    for (let index = 0; index < count; index++) this.#bytes[at + index] = bytes[index]!;
  }

  fill8(value: number, count: number): void {
    const at = this.#advance(count);
    this.#bytes.fill(value, at, at + count);
  }

  /** The last `size` bytes again, `count` times. They must not refer to a label. */
  repeat(size: number, count: number): void {
    const end = this.#length;
    const added = size * count;
    this.#advance(added);
    const bytes = this.#bytes;
    // Each copy is of all that is there already.
    for (let done = 0; done < added; ) {
      const part = Math.min(size + done, added - done);
      bytes.copyWithin(end + done, end - size, end - size + part);
      done += part;
    }
  }

  label(): Label {
    return { offset: -1 };
  }

  /** @throws TypeError when the label has a place already. */
  bind(label: Label): void {
    if (label.offset !== -1) throw new TypeError(`a label is bound once; this one is at ${label.offset}`);
    label.offset = this.#length;
  }

  /** A word that refers to `label`. */
  putReference(label: Label, encode: EncodeDistance): void {
    this.#fixups.push({ label, at: this.#length, encode });
    this.put32(0);
  }

  /**
   * The code, all references written. Not a copy: it may change if more is written.
   * @throws TypeError when a label was used and not bound; RangeError when one is out of reach.
   */
  finish(): Uint8Array {
    for (const { label, at, encode } of this.#fixups) {
      if (label.offset === -1) throw new TypeError(`the label used at ${at} was never bound`);
      this.#write32(at, encode(label.offset - at));
    }
    return this.#bytes.subarray(0, this.#length);
  }

  #write32(at: number, value: number): void {
    const bytes = this.#bytes;
    const step = this.#step;
    const lowest = at + this.#lowest;
    bytes[lowest] = value;
    bytes[lowest + step] = value >>> 8;
    bytes[lowest + 2 * step] = value >>> 16;
    bytes[lowest + 3 * step] = value >>> 24;
  }

  /** Makes room for `count` more bytes; where they start. */
  #advance(count: number): number {
    const at = this.#length;
    const length = at + count;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = length;
    return at;
  }
}

/** The methods of an assembler that are the same on every architecture. */
type BufferMethods = Pick<Assembler, 'position' | 'label' | 'bind' | 'align' | 'finish' | 'repeat'>;

/** The assembler of an architecture, from what is its own. */
export function assemblerOn(
  buffer: CodeBuffer,
  align: Assembler['align'],
  own: Omit<Assembler, keyof BufferMethods>,
): Assembler {
  const methods: BufferMethods = {
    get position() {
      return buffer.length;
    },
    label: () => buffer.label(),
    bind: (label) => buffer.bind(label),
    align,
    finish: () => buffer.finish(),
    repeat: (size, count) => buffer.repeat(size, count),
  };
  return Object.assign(methods, own);
}
