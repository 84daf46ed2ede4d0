/**
 * What happens once a tracer is there: values become argument words, and the probe's function is called.
 *
 * Values that need no conversion (numbers for integers, texts for strings) are written into the frame at once.
 * Any other sends the whole delivery the long way: first all values are converted, which may run the program's own
 * code, then all are written. Where all arguments are small integers there is a shorter way still. It must stay short
 * enough to be inlined into the loop that fires: its only slow exit is one call, which the JIT sees as never taken.
 *
 * There is one class, with methods by the number of arguments, where the handles (probe.ts) have a class for each
 * number: all deliveries then have one hidden class, and the JIT compiles these methods for that one, however many
 * kinds of handles a program has.
 * @module
 */

import type { Frame } from '../engine/engine.ts';
import { FRAME, MAX_ARGUMENTS, stackWords } from '../engine/frame.ts';
import type { ProbeDefinition } from '../image/image.ts';
import type { LoadedImage } from '../system/system.ts';
import { type CType, PLAIN_32 } from '../types/ctypes.ts';
import { EVENT_TEXT_BYTES, evenLimit } from '../types/event-size.ts';
import { writeInt32, writePlain, writeWord } from '../types/frame-writer.ts';
import { type NormalValue, normalise } from '../types/normalise.ts';
import { wideArguments } from '../types/passing.ts';

/** What the probes of one provider have in common. */
export interface ProbeContext {
  readonly maxStringBytes: number;
  failures: number;
}

/** Indices of the frame's 32-bit words. */
const TARGET = FRAME.target / 4;
const STACK_COUNT = FRAME.stackCount / 4;
const TWO_32 = 2 ** 32;
/** Where the texts of an event end at the latest, in the frame. */
const TEXT_END = FRAME.scratch + EVENT_TEXT_BYTES;
/** Bytes that each argument of the event being written takes behind its word. */
const sizes = new Uint32Array(MAX_ARGUMENTS);

export class Delivery implements ProbeDefinition {
  readonly name: string;
  readonly function: string;
  readonly types: readonly CType[];
  readonly context: ProbeContext;
  /** The image that the probe is in. */
  loaded: LoadedImage | undefined = undefined;
  /** Which of the image's probes it is. */
  index = 0;
  /** 1 if all arguments are integers of at most 32 bits, and the code can be seen: then words can be written at once. */
  ints = 0;
  /** Address of the probe's function, in halves. */
  entryLow = 0;
  entryHigh = 0;
  /** Halves of the frame's word of that name. */
  stackCount = 0;
  wideArguments = 0;

  constructor({ name, function: functionName, types }: ProbeDefinition, context: ProbeContext) {
    this.name = name;
    this.function = functionName;
    this.types = types;
    this.context = context;
  }

  /** @param address the probe's function. */
  attach(loaded: LoadedImage, index: number, address: number): void {
    this.entryLow = address | 0;
    this.entryHigh = Math.floor(address / TWO_32);
    const { arch } = loaded.engine;
    this.stackCount = stackWords(arch, this.types.length);
    this.wideArguments = wideArguments(arch, this.types);
    this.loaded = loaded;
    this.index = index;
    this.ints = loaded.text !== undefined && this.types.every(isInt) ? 1 : 0;
  }

  detach(): void {
    this.loaded = undefined;
    this.index = this.ints = 0;
  }

  /** Reads the probe's code through the engine: is there a tracer? */
  look(): boolean {
    const { loaded } = this;
    if (!loaded) return false;
    const { site, idle } = loaded.sites.at(this.index)!;
    const word = loaded.engine.read(loaded.textAddress + BigInt(site), 4);
    return new DataView(word.buffer, word.byteOffset).getInt32(0, true) !== idle;
  }

  with1(a: unknown): void {
    if (this.ints === 1 && typeof a === 'number') {
      const { types } = this;
      const { words } = this.loaded!.engine.frame;
      writeInt32(words, 0, types[0]!, a);
      this.finish(words);
    } else this.withAll([a]);
  }

  with2(a: unknown, b: unknown): void {
    if (this.ints === 1 && typeof a === 'number' && typeof b === 'number') {
      const { types } = this;
      const { words } = this.loaded!.engine.frame;
      writeInt32(words, 0, types[0]!, a);
      writeInt32(words, 1, types[1]!, b);
      this.finish(words);
    } else this.withAll([a, b]);
  }

  with3(a: unknown, b: unknown, c: unknown): void {
    if (this.ints === 1 && typeof a === 'number' && typeof b === 'number' && typeof c === 'number') {
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
      this.ints === 1 &&
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

  /** Any values. The array is used up. */
  withAll(values: unknown[]): void {
    const { loaded, types } = this;
    // Without a view of the code, it is not yet certain that there is a tracer.
    if (loaded?.text !== undefined) {
      const { frame } = loaded.engine;
      const { maxStringBytes } = this.context;
      frame.cursor = FRAME.scratch;
      let slot = 0;
      while (slot < types.length && writePlain(frame, slot, types[slot]!, values[slot], maxStringBytes))
        slot++;
      if (slot === types.length && frame.cursor <= TEXT_END) {
        this.finish(frame.words);
        return;
      }
    }
    this.convert(values);
  }

  private finish(words: Int32Array): void {
    words[TARGET] = this.entryLow;
    words[TARGET + 1] = this.entryHigh;
    words[STACK_COUNT] = this.stackCount;
    words[STACK_COUNT + 1] = this.wideArguments;
    this.loaded!.engine.invoke();
  }

  /** The long way. The array is used up. */
  private convert(values: unknown[]): void {
    if (this.loaded?.text === undefined && !this.look()) return;
    const { types } = this;
    // User code may run here, and it may fire probes or disable this one: nothing of the frame is touched yet.
    for (let slot = 0; slot < types.length; slot++) values[slot] = normalise(types[slot]!, values[slot]);
    if (this.loaded === undefined) return;
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

function isInt(type: CType): boolean {
  return type.plain === PLAIN_32;
}
