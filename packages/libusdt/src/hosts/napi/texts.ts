/**
 * Strings on their way into the frame. Each string argument of a probe has a place there (as long as there are places
 * enough), which only this file and the engine write to. So a place holds its string until the next one: a string that comes again
 * is not written again.
 *
 * A few characters are written by a loop. Longer strings, and those that are not ASCII, are handed to the engine, which
 * has the runtime write them within the one call that also calls the probe.
 */

import { LOWER, UPPER } from '../../abi/byte-order.ts';
import { FRAME, MAX_TEXTS, TEXT_PLACE_BYTES, TEXT_PLACES } from '../../abi/call-block.ts';
import { EVENT_TEXT_BYTES } from '../../abi/event-size.ts';

/** Indices of lower halves. */
const ARGS = FRAME.args / 4 + LOWER;
const TEXTS = FRAME.texts / 4 + LOWER;
const TEXTS_UPPER = TEXTS + UPPER;
/** In characters. Somewhat longer strings are written faster by the runtime: see docs/performance.md. */
const LOOP_LIMIT = 10;
/** So many different strings in a row are taken as a sign that the next ones will differ too. */
const CHANGES = 4;
/** So many are then neither compared nor remembered, both of which would cost what a few characters do. */
const UNCOMPARED = 60;
/** Equal to no string that fits into a place, and told from each by its length. */
const NONE = ' '.repeat(EVENT_TEXT_BYTES);

/** What calls the probe once its event is written; as the engine has it. */
export interface ProbeCalls {
  readonly invoke: () => void;
  readonly invokeText: (text: string) => unknown;
  readonly invokeTexts: (...texts: readonly string[]) => unknown;
}

/** Where the strings of one argument are written. */
export class TextPlace {
  readonly texts: Texts;
  readonly index: number;
  /** In bytes from the frame's start. */
  readonly offset: number;
  /** Halves of the address. */
  readonly low: number;
  readonly high: number;
  /** The string that is there, in UTF-8 and with a NUL; NONE while nobody has kept it in mind. */
  text = NONE;
  /** How many strings in a row were another one than before. */
  changes = 0;

  constructor(texts: Texts, index: number) {
    this.texts = texts;
    this.index = index;
    this.offset = FRAME.places + index * TEXT_PLACE_BYTES;
    const address = texts.address + BigInt(this.offset);
    // Small integers to V8 too, which takes them for floating-point numbers otherwise.
    this.low = Number(BigInt.asIntN(32, address)) | 0;
    this.high = Number(BigInt.asIntN(32, address >> 32n)) | 0;
  }

  /** Another string is there now. */
  keep(text: string): void {
    const changes = this.changes + 1;
    if (changes <= CHANGES) {
      this.text = text;
      this.changes = changes;
    } else this.changes = changes > CHANGES + UNCOMPARED ? 0 : changes;
  }
}

/** The strings of the event that is being written. One per thread, as the frame. */
export class Texts {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly address: bigint;
  readonly invoke: ProbeCalls['invoke'];
  readonly invokeText: ProbeCalls['invokeText'];
  readonly invokeTexts: ProbeCalls['invokeTexts'];
  /** Made when they are first needed. */
  readonly places: TextPlace[] = [];
  /** How many were asked for. */
  taken = 0;
  /** Of an event with several strings: the next one's place, and bytes that they may still take. */
  next = 0;
  room = 0;
  /** How many of them the engine has to write: which arguments they are, and their places. */
  count = 0;
  readonly slots: number[] = new Array<number>(MAX_TEXTS).fill(0);
  readonly targets: number[] = new Array<number>(MAX_TEXTS).fill(0);

  constructor(words: Int32Array, bytes: Uint8Array, address: bigint, calls: ProbeCalls) {
    this.words = words;
    this.bytes = bytes;
    this.address = address;
    this.invoke = calls.invoke;
    this.invokeText = calls.invokeText;
    this.invokeTexts = calls.invokeTexts;
  }

  /**
   * Places for the strings of one probe, one after the other. After TEXT_PLACES they begin anew: then probes share them.
   * @returns the first.
   */
  take(count: number): TextPlace {
    const first = this.taken % TEXT_PLACES;
    this.taken += count;
    for (let index = first; index < first + Math.max(1, count); index++) {
      this.places[index % TEXT_PLACES] ??= new TextPlace(this, index % TEXT_PLACES);
    }
    return this.places[first]!;
  }

  /**
   * Calls what the frame says, once the event's only string is in its place.
   * @returns false: the runtime refused the string, and nothing was called.
   */
  callWith(place: TextPlace, text: string): boolean {
    if (place.changes <= CHANGES) {
      if (place.text === text) {
        place.changes = 0;
        this.invoke();
        return true;
      }
      place.text = NONE;
    }
    if (text.length <= LOOP_LIMIT && this.writeAscii(place.offset, text)) this.invoke();
    else {
      const { words } = this;
      words[TEXTS] = place.low;
      words[TEXTS_UPPER] = place.high;
      if (this.invokeText(text) !== undefined) return false;
    }
    // Only now: had there been no stack left for the call, another string would be there.
    place.keep(text);
    return true;
  }

  /** An event of several strings begins. @param first of the places that the probe took. */
  begin(first: TextPlace): void {
    this.next = first.index;
    this.room = EVENT_TEXT_BYTES;
    this.count = 0;
  }

  /**
   * Argument `slot` of this event is this string.
   * @param limit most bytes of it, with its NUL.
   * @returns false where it might not fit, or with too many others: then nothing that matters was written.
   */
  put(slot: number, text: string, limit: number): boolean {
    const most = mostBytes(text);
    this.room -= most;
    if (most > limit || this.room < 0) return false;
    const index = this.next;
    const place = this.places[index]!;
    this.next = (index + 1) % TEXT_PLACES;
    const { words } = this;
    writePlace(words, slot, place);
    if (place.changes <= CHANGES) {
      if (place.text === text) {
        place.changes = 0;
        return true;
      }
      place.text = NONE;
    }
    if (text.length <= LOOP_LIMIT && this.writeAscii(place.offset, text)) {
      place.keep(text);
      return true;
    }
    const { count } = this;
    if (count === MAX_TEXTS) return false;
    this.count = count + 1;
    this.slots[count] = slot;
    this.targets[count] = index;
    words[TEXTS + 2 * count] = place.low;
    words[TEXTS_UPPER + 2 * count] = place.high;
    return true;
  }

  /**
   * Calls what the frame says, with the event's strings where they belong.
   * @returns false: the runtime refused one, and nothing was called.
   */
  callWithAll(values: readonly unknown[]): boolean {
    const { count, slots, targets } = this;
    const [a, b, c] = [slots[0]!, slots[1]!, slots[2]!];
    const texts = values as readonly string[];
    let refused: unknown;
    if (count === 0) this.invoke();
    else if (count === 1) refused = this.invokeText(texts[a]!);
    else if (count === 2) refused = this.invokeTexts(texts[a]!, texts[b]!);
    else if (count === 3) refused = this.invokeTexts(texts[a]!, texts[b]!, texts[c]!);
    else refused = this.invokeTexts(...slots.slice(0, count).map((slot) => texts[slot]!));
    if (refused !== undefined) return false;
    for (let index = 0; index < count; index++) this.places[targets[index]!]!.keep(texts[slots[index]!]!);
    return true;
  }

  /** Text and a NUL. False for text that is not ASCII. */
  private writeAscii(offset: number, text: string): boolean {
    const { bytes } = this;
    const { length } = text;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) return false;
      bytes[offset + index] = code;
    }
    bytes[offset + length] = 0;
    return true;
  }
}

/** Bytes that a string takes at most, with its NUL: a unit of UTF-16 takes three. */
export function mostBytes(text: string): number {
  return 3 * text.length + 1;
}

/** Argument `slot` is what is in this place. */
export function writePlace(words: Int32Array, slot: number, place: TextPlace): void {
  const at = ARGS + 2 * slot;
  words[at] = place.low;
  words[at + UPPER] = place.high;
}
