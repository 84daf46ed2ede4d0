/**
 * Text as bytes, in memory that is used again: what is written often, and soon printed.
 */

/** Bytes that the writer has room for at first. */
const SIZE = 64 * 1024;
/** Memory beyond this is not kept. */
const LARGE = 4 * 1024 * 1024;
/** The longest number, with its sign. */
const DIGITS = 20;
const ZERO = 0x30;
const MINUS = 0x2d;

export class ByteWriter {
  private bytes = Buffer.allocUnsafeSlow(SIZE);
  private at = 0;

  /** What was written since the last call; valid until something is written. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.at);
    this.at = 0;
    if (this.bytes.length > LARGE) this.bytes = Buffer.allocUnsafeSlow(SIZE);
    return taken;
  }

  constant(text: Uint8Array): void {
    const { length } = text;
    if (this.at + length > this.bytes.length) this.grow(length);
    const { bytes, at } = this;
    // A call of native code takes longer than a short text.
    for (let i = 0; i < length; i++) bytes[at + i] = text[i]!;
    this.at = at + length;
  }

  byte(value: number): void {
    if (this.at === this.bytes.length) this.grow(1);
    this.bytes[this.at++] = value;
  }

  text(text: string): void {
    // UTF-8 has at most three bytes for a unit of UTF-16.
    const most = text.length * 3;
    if (this.at + most > this.bytes.length) this.grow(most);
    this.at += this.bytes.write(text, this.at);
  }

  /**
   * Copies bytes, if `allowed` has all of them.
   * @param allowed 1 for each byte that it has.
   * @param quote stands before and behind them; undefined for nothing.
   * @returns whether it did; if not, nothing is written.
   */
  copy(
    source: Uint8Array,
    from: number,
    to: number,
    allowed: Uint8Array,
    quote: number | undefined,
  ): boolean {
    const length = to - from;
    if (this.at + length + 2 > this.bytes.length) this.grow(length + 2);
    const { bytes } = this;
    const at = quote === undefined ? this.at : this.at + 1;
    for (let i = 0; i < length; i++) {
      const byte = source[from + i]!;
      if (allowed[byte] !== 1) return false;
      bytes[at + i] = byte;
    }
    this.at = at + length;
    if (quote !== undefined) {
      bytes[at - 1] = quote;
      bytes[this.at++] = quote;
    }
    return true;
  }

  /** Decimal digits of a whole number of at most 2^53. */
  integer(value: number): void {
    if (this.at + DIGITS > this.bytes.length) this.grow(DIGITS);
    let rest = value;
    if (rest < 0) {
      this.bytes[this.at++] = MINUS;
      rest = -rest;
    }
    if (rest < 1e9) {
      this.digits(rest, lengthOf(rest));
      return;
    }
    const upper = Math.floor(rest / 1e9);
    this.digits(upper, lengthOf(upper));
    this.digits(rest - upper * 1e9, 9);
  }

  /** @param value below 10^`length`. @param length at most 9. */
  padded(value: number, length: number): void {
    if (this.at + length > this.bytes.length) this.grow(length);
    this.digits(value, length);
  }

  private digits(value: number, length: number): void {
    const { bytes, at } = this;
    // As an integer of 32 bits, which is quick to divide.
    let rest = value | 0;
    for (let i = at + length - 1; i >= at; i--) {
      const quotient = (rest / 10) | 0;
      bytes[i] = ZERO + rest - quotient * 10;
      rest = quotient;
    }
    this.at = at + length;
  }

  private grow(room: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + room));
    bytes.set(this.bytes.subarray(0, this.at));
    this.bytes = bytes;
  }
}

/** How many decimal digits a number below 10^9 has. */
function lengthOf(value: number): number {
  let length = 1;
  for (let limit = 10; value >= limit; limit *= 10) length++;
  return length;
}
