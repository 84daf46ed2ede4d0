/**
 * What every binary writer here needs: alignment and NUL-terminated UTF-8, without one small array per string.
 * @module
 */

const utf8 = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/** The smallest multiple of `alignment` (a power of two) that is not below `value`. Exact up to 2^53. */
export function alignUp(value: number, alignment: number): number {
  // In 32 bits where that is enough, which needs no memory; other results do, in code that is not yet optimised.
  if (value <= 0x3fffffff && alignment <= 0x3fffffff) return (value + alignment - 1) & -alignment;
  return Math.ceil(value / alignment) * alignment;
}

export function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value));
}

/**
 * Bytes that `text` takes in UTF-8, without a terminator. Lone surrogates count as U+FFFD, as they are written.
 * @throws RangeError when the text holds a NUL, which would end the string early for every reader.
 */
export function cStringLength(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return wideLength(text);
    if (unit === 0) throw new RangeError(`a string must not contain NUL: ${JSON.stringify(text)}`);
  }
  return text.length;
}

function wideLength(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    if (point === 0) throw new RangeError(`a string must not contain NUL: ${JSON.stringify(text)}`);
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/**
 * Writes `text` and a NUL at `offset`, and returns the offset after the NUL.
 * @throws RangeError when it does not fit.
 */
export function writeCString(out: Uint8Array, offset: number, text: string): number {
  let at = offset;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) {
      const rest = text.slice(i);
      const { read, written } = utf8.encodeInto(rest, at < out.length ? out.subarray(at) : NO_BYTES);
      if (read !== rest.length)
        throw new RangeError(`no room for ${JSON.stringify(text)} at offset ${offset}`);
      at += written;
      break;
    }
    out[at++] = unit;
  }
  if (at >= out.length) throw new RangeError(`no room for ${JSON.stringify(text)} at offset ${offset}`);
  out[at] = 0;
  return at + 1;
}

/** How a name is written: as it is, or changed on the way, without a changed string being made. */
export interface Spelling {
  /** Bytes that the name takes, without a terminator. */
  length(name: string): number;
  /** Writes it and a NUL at an offset, and returns the offset after the NUL. */
  write(out: Uint8Array, offset: number, name: string): number;
}

export const LITERAL: Spelling = { length: cStringLength, write: writeCString };
