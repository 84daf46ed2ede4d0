/**
 * What happens once a tracer is there: values become argument words, and the probe's function is called.
 *
 * Values that need no conversion (numbers for integers, texts for strings) are written into the frame at once.
 * Any other sends the whole delivery the long way: first all values are converted, which may run the program's own
 * code, then all are written. Where all arguments are small integers, or all but one string, there are shorter ways still.
 * They must stay short enough to be inlined into the loop that fires: the only slow exit of each is one call, which the
 * JIT sees as never taken. That is why the two have methods of their own, and handles of their own (probe.ts).
 *
 * There is one class, with methods by the number of arguments, where the handles (probe.ts) have a class for each
 * number: all deliveries then have one hidden class, and the JIT compiles these methods for that one, however many
 * kinds of handles a program has.
 */

import { HOST_IS_LITTLE, LOWER, UPPER } from '../abi/byte-order.ts';
import { FRAME, MAX_ARGUMENTS } from '../abi/call-block.ts';
import { EVENT_TEXT_BYTES, evenLimit } from '../abi/event-size.ts';
import { stackWords, wideArguments } from '../arch/passing.ts';
import { type CType, PLAIN_32, PLAIN_64, PLAIN_STRING } from '../ctypes/ctypes.ts';
import type { Frame } from '../hosts/host.ts';
import { mostBytes, type TextPlace, type Texts, writePlace } from '../hosts/napi/texts.ts';
import type { ProbeDefinition } from '../image/definition.ts';
import type { MappedImage } from '../platform/platform.ts';
import { writeInt32, writeNumber, writeWord } from './frame-writer.ts';
import { type NormalValue, normalise } from './normalise.ts';

/** What the probes of one provider have in common. */
export interface ProbeContext {
  readonly maxStringBytes: number;
  failures: number;
}

/** Indices of the frame's 32-bit words. */
const TARGET_LOWER = FRAME.target / 4 + LOWER;
const TARGET_UPPER = TARGET_LOWER + UPPER;
const STACK_COUNT = FRAME.stackCount / 4 + LOWER;
const WIDE_ARGUMENTS = STACK_COUNT + UPPER;
const TWO_32 = 2 ** 32;
/** What the arguments of a probe are: anything. */
const OTHER: number = 0;
/** Integers of at most 32 bits. */
const INTS = 1;
/** The same but for one, which is a string: its index is to be added. */
export const TEXT_AT = 2;
/** Bytes that each argument of the event being written takes behind its word. */
const sizes = new Uint32Array(MAX_ARGUMENTS);

export class Delivery implements ProbeDefinition {
  readonly name: string;
  readonly function: string;
  readonly types: readonly CType[];
  readonly context: ProbeContext;
  /** The image that the probe is in. */
  loaded: MappedImage | undefined = undefined;
  /** Which of the image's probes it is. */
  index = 0;
  /** Which short way there is: as the constants above say. None where the code can't be seen. */
  kind = OTHER;
  /** Address of the probe's function, in halves. */
  entryLow = 0;
  entryHigh = 0;
  /** Halves of the frame's word of that name. */
  stackCount = 0;
  wideArguments = 0;
  /** The first of those for its strings; taken at the first delivery. */
  place: TextPlace | undefined = undefined;

  constructor({ name, function: functionName, types }: ProbeDefinition, context: ProbeContext) {
    this.name = name;
    this.function = functionName;
    this.types = types;
    this.context = context;
  }

  /** @param address the probe's function. */
  attach(loaded: MappedImage, index: number, address: number): void {
    this.entryLow = address | 0;
    this.entryHigh = Math.floor(address / TWO_32) | 0;
    const { arch } = loaded.engine;
    this.stackCount = stackWords(arch, this.types.length);
    this.wideArguments = wideArguments(arch, this.types);
    this.place = undefined;
    this.loaded = loaded;
    this.index = index;
    this.kind = loaded.text === undefined ? OTHER : kindOf(this.types);
  }

  detach(): void {
    this.loaded = undefined;
    this.index = 0;
    this.kind = OTHER;
  }

  /** Reads the probe's code through the engine: is there a tracer? */
  look(): boolean {
    const { loaded } = this;
    if (!loaded) return false;
    const { site, idle } = loaded.sites.at(this.index)!;
    const word = loaded.engine.read(loaded.textAddress + BigInt(site), 4);
    return new DataView(word.buffer, word.byteOffset).getInt32(0, HOST_IS_LITTLE) !== idle;
  }

  with1(a: unknown): void {
    if (this.kind === INTS && typeof a === 'number') {
      const { types } = this;
      const { words } = this.loaded!.engine.frame;
      writeInt32(words, 0, types[0]!, a);
      this.finish(words);
    } else this.withAll([a]);
  }

  with2(a: unknown, b: unknown): void {
    if (this.kind === INTS && typeof a === 'number' && typeof b === 'number') {
      const { types } = this;
      const { words } = this.loaded!.engine.frame;
      writeInt32(words, 0, types[0]!, a);
      writeInt32(words, 1, types[1]!, b);
      this.finish(words);
    } else this.withAll([a, b]);
  }

  with3(a: unknown, b: unknown, c: unknown): void {
    if (this.kind === INTS && typeof a === 'number' && typeof b === 'number' && typeof c === 'number') {
      const { types } = this;
      const { words } = this.loaded!.engine.frame;
      writeInt32(words, 0, types[0]!, a);
      writeInt32(words, 1, types[1]!, b);
      writeInt32(words, 2, types[2]!, c);
      this.finish(words);
    } else this.withAll([a, b, c]);
  }

  with4(a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (
      this.kind === INTS &&
      typeof a === 'number' &&
      typeof b === 'number' &&
      typeof c === 'number' &&
      typeof d === 'number'
    ) {
      const { types } = this;
      const { words } = this.loaded!.engine.frame;
      writeInt32(words, 0, types[0]!, a);
      writeInt32(words, 1, types[1]!, b);
      writeInt32(words, 2, types[2]!, c);
      writeInt32(words, 3, types[3]!, d);
      this.finish(words);
    } else this.withAll([a, b, c, d]);
  }

  /** The same for probes with one string among their arguments, so that `with1` to `with4` stay short. */
  textOf1(a: unknown): void {
    const { place } = this;
    if (this.kind < TEXT_AT || place === undefined || typeof a !== 'string' || !this.text(place, 0, a))
      this.withAll([a]);
  }

  textOf2(a: unknown, b: unknown): void {
    if (!this.text2(a, b)) this.withAll([a, b]);
  }

  private text2(a: unknown, b: unknown): boolean {
    const { place, types } = this;
    const slot = this.kind - TEXT_AT;
    // The first delivery takes the other way, which also finds a place.
    if (slot < 0 || place === undefined) return false;
    const { words } = place.texts;
    let text: unknown;
    if (slot === 0) text = a;
    else if (typeof a === 'number') writeInt32(words, 0, types[0]!, a);
    else return false;
    if (slot === 1) text = b;
    else if (typeof b === 'number') writeInt32(words, 1, types[1]!, b);
    else return false;
    return typeof text === 'string' && this.text(place, slot, text);
  }

  textOf3(a: unknown, b: unknown, c: unknown): void {
    if (!this.text3(a, b, c)) this.withAll([a, b, c]);
  }

  private text3(a: unknown, b: unknown, c: unknown): boolean {
    const { place, types } = this;
    const slot = this.kind - TEXT_AT;
    // The first delivery takes the other way, which also finds a place.
    if (slot < 0 || place === undefined) return false;
    const { words } = place.texts;
    let text: unknown;
    if (slot === 0) text = a;
    else if (typeof a === 'number') writeInt32(words, 0, types[0]!, a);
    else return false;
    if (slot === 1) text = b;
    else if (typeof b === 'number') writeInt32(words, 1, types[1]!, b);
    else return false;
    if (slot === 2) text = c;
    else if (typeof c === 'number') writeInt32(words, 2, types[2]!, c);
    else return false;
    return typeof text === 'string' && this.text(place, slot, text);
  }

  textOf4(a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (!this.text4(a, b, c, d)) this.withAll([a, b, c, d]);
  }

  private text4(a: unknown, b: unknown, c: unknown, d: unknown): boolean {
    const { place, types } = this;
    const slot = this.kind - TEXT_AT;
    // The first delivery takes the other way, which also finds a place.
    if (slot < 0 || place === undefined) return false;
    const { words } = place.texts;
    let text: unknown;
    if (slot === 0) text = a;
    else if (typeof a === 'number') writeInt32(words, 0, types[0]!, a);
    else return false;
    if (slot === 1) text = b;
    else if (typeof b === 'number') writeInt32(words, 1, types[1]!, b);
    else return false;
    if (slot === 2) text = c;
    else if (typeof c === 'number') writeInt32(words, 2, types[2]!, c);
    else return false;
    if (slot === 3) text = d;
    else if (typeof d === 'number') writeInt32(words, 3, types[3]!, d);
    else return false;
    return typeof text === 'string' && this.text(place, slot, text);
  }

  /** The string of such a probe; all else is written. */
  private text(place: TextPlace, slot: number, text: string): boolean {
    const most = mostBytes(text);
    if (most > this.context.maxStringBytes || most > EVENT_TEXT_BYTES) return false;
    const { texts } = place;
    const { words } = texts;
    writePlace(words, slot, place);
    this.head(words);
    return texts.callWith(place, text);
  }

  private takePlaces(): TextPlace {
    this.place = this.loaded!.engine.frame.texts.take(this.types.filter(isText).length);
    return this.place;
  }

  /** Any values. The array is used up. */
  withAll(values: unknown[]): void {
    // Without a view of the code, it is not yet certain that there is a tracer.
    if (this.loaded?.text !== undefined) {
      const { types } = this;
      const { texts } = this.begin();
      let slot = 0;
      while (slot < types.length && this.put(texts, slot, values[slot])) slot++;
      if (slot === types.length) {
        this.head(texts.words);
        if (texts.callWithAll(values)) return;
      }
    }
    this.convert(values);
  }

  private begin(): TextPlace {
    const place = this.place ?? this.takePlaces();
    place.texts.begin(place);
    return place;
  }

  /** Writes a value that needs no conversion. False for any other: then nothing that matters was written. */
  private put(texts: Texts, slot: number, value: unknown): boolean {
    const type = this.types[slot]!;
    const { plain } = type;
    if (typeof value === 'number') {
      if (plain !== PLAIN_32 && plain !== PLAIN_64) return false;
      writeNumber(texts.words, slot, type, value);
      return true;
    }
    return (
      typeof value === 'string' &&
      plain === PLAIN_STRING &&
      texts.put(slot, value, this.context.maxStringBytes)
    );
  }

  private finish(words: Int32Array): void {
    this.head(words);
    this.loaded!.engine.invoke();
  }

  /** What the frame says of the call. */
  private head(words: Int32Array): void {
    words[TARGET_LOWER] = this.entryLow;
    words[TARGET_UPPER] = this.entryHigh;
    words[STACK_COUNT] = this.stackCount;
    words[WIDE_ARGUMENTS] = this.wideArguments;
  }

  /** The long way. The array is used up. */
  private convert(values: unknown[]): void {
    if (this.loaded?.text === undefined && !this.look()) return;
    const { types } = this;
    // User code may run here, and it may fire probes or disable this one: nothing of the frame is touched yet.
    for (let slot = 0; slot < types.length; slot++) values[slot] = normalise(types[slot]!, values[slot]);
    if (this.loaded === undefined || this.whole(values as NormalValue[])) return;
    const { frame } = this.loaded.engine;
    const { maxStringBytes } = this.context;
    const size = this.write(frame, values as NormalValue[], maxStringBytes);
    if (size > EVENT_TEXT_BYTES && maxStringBytes <= EVENT_TEXT_BYTES) {
      this.write(
        frame,
        values as NormalValue[],
        evenLimit(sizes.subarray(0, types.length), EVENT_TEXT_BYTES),
      );
    }
    this.finish(frame.words);
  }

  /** The end of the long way, if all strings and buffers certainly have room. False: nothing was called. */
  private whole(values: readonly NormalValue[]): boolean {
    const { types } = this;
    const { frame } = this.loaded!.engine;
    const { maxStringBytes } = this.context;
    const { texts } = this.begin();
    let cursor = frame.scratchStart;
    for (let slot = 0; slot < types.length; slot++) {
      const value = values[slot]!;
      if (typeof value === 'string') {
        if (!texts.put(slot, value, maxStringBytes)) return false;
      } else {
        const end = writeWord(frame, slot, types[slot]!, value, cursor, maxStringBytes);
        texts.room -= end - cursor;
        if (texts.room < 0) return false;
        cursor = end;
      }
    }
    this.head(frame.words);
    return texts.callWithAll(values);
  }

  /** Writes all arguments, with texts and buffers of at most `limit` bytes. @returns how many bytes those took. */
  private write(frame: Frame, values: readonly NormalValue[], limit: number): number {
    const { types } = this;
    let cursor = frame.scratchStart;
    for (let slot = 0; slot < types.length; slot++) {
      const end = writeWord(frame, slot, types[slot]!, values[slot]!, cursor, limit);
      sizes[slot] = end - cursor;
      cursor = end;
    }
    return cursor - frame.scratchStart;
  }
}

/** Is its value a string, once it is converted? */
function isText({ kind }: CType): boolean {
  return kind === 'string' || kind === 'json';
}

export function kindOf(types: readonly CType[]): number {
  let kind: number = INTS;
  for (let slot = 0; slot < types.length; slot++) {
    const { plain } = types[slot]!;
    if (plain === PLAIN_32) continue;
    if (plain !== PLAIN_STRING || kind !== INTS) return OTHER;
    kind = TEXT_AT + slot;
  }
  return kind;
}
