/**
 * What every binary writer and reader here needs: alignment and text in UTF-8, without one small array per string.
 */

const utf8 = new TextEncoder();
export const NO_BYTES: Uint8Array = new Uint8Array(0);
// A mark at the beginning is part of a name.
const replacing = new TextDecoder('utf-8', { ignoreBOM: true });
const REPLACEMENT = '\ufffd';

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

/** `text` and a NUL. */
export function cString(text: string): Uint8Array {
  const bytes = new Uint8Array(cStringLength(text) + 1);
  writeCString(bytes, 0, text);
  return bytes;
}

/** How a name is written: as it is, or changed on the way, without a changed string being made. */
export interface NameEncoding {
  /** Bytes that the name takes, without a terminator. */
  length(name: string): number;
  /** Writes it and a NUL at an offset, and returns the offset after the NUL. */
  write(out: Uint8Array, offset: number, name: string): number;
}

export const UNCHANGED: NameEncoding = { length: cStringLength, write: writeCString };

/**
 * Text in UTF-8. A byte that is none becomes a lone surrogate, U+DC80 to U+DCFF, so that different bytes stay different;
 * Python does the same (PEP 383), and its `os.fsencode` gives the bytes back.
 */
export function decodeText(bytes: Uint8Array): string {
  const text = replacing.decode(bytes);
  return text.includes(REPLACEMENT) ? decodeExactly(bytes) : text;
}

function decodeExactly(bytes: Uint8Array): string {
  let text = '';
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    at += Math.max(length, 1);
    if (length > 0) continue;
    text += replacing.decode(bytes.subarray(start, at - 1)) + String.fromCharCode(0xdc00 + bytes[at - 1]!);
    start = at;
  }
  return text + replacing.decode(bytes.subarray(start));
}

/** Bytes of the character at `at`; 0 if there is none. Unicode 16.0, table 3-7. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // Nothing longer than necessary, no surrogate, nothing beyond U+10FFFF.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i] ?? 0;
    if (byte < (i === 1 ? least : 0x80) || byte > (i === 1 ? most : 0xbf)) return 0;
  }
  return length;
}
