/**
 * The second step from a JavaScript value to an argument word: plain values into the frame. Strings and bytes are
 * copied to the frame's scratch area, where they stay until the next probe fires: tracers read them from this
 * process' memory while the tracepoint is hit.
 *
 * Integers convert as in C: truncated towards zero, then wrapped to the type's width. Nothing is allocated for numbers
 * and for short ASCII strings.
 */

import { LOWER, UPPER } from '../abi/byte-order.ts';
import { FRAME } from '../abi/call-block.ts';
import type { CType } from '../ctypes/ctypes.ts';
import type { Frame } from '../hosts/host.ts';
import type { NormalValue } from './normalise.ts';

/** Index of the first argument's lower half. */
const ARGS = FRAME.args / 4 + LOWER;
const TWO_32 = 2 ** 32;
/** In characters. Longer strings are written faster by TextEncoder, which must be given a new view each time. */
const LOOP_LIMIT = 48;

const encoder = new TextEncoder();
const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

/**
 * Writes argument word `slot`.
 * @param cursor where the scratch area is free.
 * @param maxStringBytes at most MAX_STRING_BYTES: then 32 strings fit.
 * @returns where it is free now.
 */
export function writeWord(
  frame: Frame,
  slot: number,
  type: CType,
  value: NormalValue,
  cursor: number,
  maxStringBytes: number,
): number {
  const { words } = frame;
  const at = ARGS + 2 * slot;
  if (typeof value === 'number') {
    writeNumber(words, slot, type, value);
    return cursor;
  }
  if (typeof value === 'string') {
    writeAddress(frame, at, cursor);
    return writeString(frame.bytes, cursor, value, cursor + maxStringBytes - 1);
  }
  if (typeof value === 'bigint') {
    writeBigint(words, at, type, value);
    return cursor;
  }
  if (value === null) {
    words[at] = 0;
    words[at + UPPER] = 0;
    return cursor;
  }
  const length = Math.min(value.length, maxStringBytes);
  // Empty: also what was detached by the conversion of a later argument, which `set` refuses.
  if (length > 0) frame.bytes.set(length < value.length ? value.subarray(0, length) : value, cursor);
  writeAddress(frame, at, cursor);
  return cursor + length;
}

/** As writeWord, for a number that shall become an integer of at most 32 bits. */
export function writeInt32(words: Int32Array, slot: number, type: CType, value: number): void {
  const at = ARGS + 2 * slot;
  const word = ((value << type.unused) >> type.unused) & type.lowMask;
  words[at] = word;
  words[at + UPPER] = (word >> 31) & type.highMask;
}

/** As writeWord, for a number. */
export function writeNumber(words: Int32Array, slot: number, type: CType, value: number): void {
  const at = ARGS + 2 * slot;
  // ToInt32 truncates and takes the value modulo 2^32, exactly, for every finite number; others give 0.
  const low = value | 0;
  if (type.unused >= 0) {
    writeInt32(words, slot, type, low);
  } else if (type.kind === 'double') {
    double[0] = value;
    words[at] = doubleWords[LOWER]!;
    words[at + UPPER] = doubleWords[LOWER + UPPER]!;
  } else {
    words[at] = low;
    words[at + UPPER] = low === value ? low >> 31 : Math.floor(Math.trunc(value) / TWO_32) | 0;
  }
}

function writeBigint(words: Int32Array, at: number, type: CType, value: bigint): void {
  const bits = 8 * type.size;
  const wrapped = type.signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  words[at] = Number(BigInt.asIntN(32, wrapped));
  words[at + UPPER] = Number(BigInt.asIntN(32, wrapped >> 32n));
}

function writeAddress(frame: Frame, at: number, offset: number): void {
  const low = (frame.addressLow >>> 0) + offset;
  frame.words[at] = low;
  frame.words[at + UPPER] = frame.addressHigh + (low >= TWO_32 ? 1 : 0);
}

/** UTF-8 and a NUL from `at` on, the NUL at `last` at the latest; no character is cut. Where the scratch is free behind it. */
function writeString(bytes: Uint8Array, at: number, text: string, last: number): number {
  const { length } = text;
  if (length > LOOP_LIMIT || at + length > last) return encodeString(bytes, at, text, last);
  const end = writeAscii(bytes, at, text);
  return end < 0 ? encodeString(bytes, at, text, last) : end;
}

/** Text and a NUL; returns where they end, or -1 for text that is not ASCII. */
function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  const { length } = text;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return -1;
    bytes[at + index] = code;
  }
  bytes[at + length] = 0;
  return at + length + 1;
}

function encodeString(bytes: Uint8Array, at: number, text: string, last: number): number {
  const room = last - at;
  // A character takes at least one byte: what lies behind `room` can't fit, and need not be looked at.
  const part = text.length > room ? text.slice(0, room) : text;
  const { written } = encoder.encodeInto(part, bytes.subarray(at, last));
  const end = at + written;
  bytes[end] = 0;
  return end + 1;
}
