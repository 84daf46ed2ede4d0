/**
 * What happens once a tracer is there: values become argument words, and the probe's function is called.
 *
 * Values that need no conversion (numbers for integers, short texts for strings) are written into the frame at once.
 * Any other sends the whole delivery the long way: first all values are converted, which may run the program's own
 * code, then all are written.
 *
 * There is one class, with methods by the number of arguments, where the handles (probe.ts) have a class for each
 * number: all deliveries then have one hidden class, and the JIT compiles these methods for that one, however many
 * kinds of handles a program has. They are small, to be inlined into the loop that fires. Both halve the cost.
 * @module
 */

import { FRAME, stackWords } from '../engine/frame.ts';
import type { ProbeDefinition } from '../image/image.ts';
import type { LoadedImage } from '../system/system.ts';
import { type CType, PLAIN_32 } from '../types/ctypes.ts';
import { writeInt32, writePlain, writeWord } from '../types/frame-writer.ts';
import { type NormalValue, normalise } from '../types/normalise.ts';

/** What the probes of one provider have in common. */
export interface ProbeContext {
  readonly maxStringBytes: number;
  failures: number;
}

/** Indices of the frame's 32-bit words. */
const TARGET = FRAME.target / 4;
const STACK_COUNT = FRAME.stackCount / 4;
const TWO_32 = 2 ** 32;

export class Delivery implements ProbeDefinition {
  readonly name: string;
  readonly function: string;
  readonly types: readonly CType[];
  readonly context: ProbeContext;
  /** The image that the probe is in. */
  loaded: LoadedImage | undefined = undefined;
  /** Which of the image's probes it is. */
  index = 0;
  /** Address of the probe's function, in halves. */
  entryLow = 0;
  entryHigh = 0;
  stackCount = 0;

  constructor({ name, function: functionName, types }: ProbeDefinition, context: ProbeContext) {
    this.name = name;
    this.function = functionName;
    this.types = types;
    this.context = context;
  }

  attach(loaded: LoadedImage, index: number): void {
    const address = Number(loaded.textAddress) + loaded.sites[index]!.entry;
    this.entryLow = address | 0;
    this.entryHigh = Math.floor(address / TWO_32);
    this.stackCount = stackWords(loaded.engine.arch, this.types.length);
    this.loaded = loaded;
    this.index = index;
  }

  detach(): void {
    this.loaded = undefined;
    this.index = 0;
  }

  /** Reads the probe's code through the engine: is there a tracer? */
  look(): boolean {
    const { loaded } = this;
    if (!loaded) return false;
    const { site, idle } = loaded.sites[this.index]!;
    const word = loaded.engine.read(loaded.textAddress + BigInt(site), 4);
    return new DataView(word.buffer, word.byteOffset).getInt32(0, true) !== idle;
  }

  with1(a: unknown): void {
    const words = this.begin();
    if (words !== undefined && this.put(words, 0, a)) this.finish(words);
    else this.convert([a]);
  }

  with2(a: unknown, b: unknown): void {
    const words = this.begin();
    if (words !== undefined && this.put(words, 0, a) && this.put(words, 1, b)) this.finish(words);
    else this.convert([a, b]);
  }

  with3(a: unknown, b: unknown, c: unknown): void {
    const words = this.begin();
    if (words !== undefined && this.put(words, 0, a) && this.put(words, 1, b) && this.put(words, 2, c)) {
      this.finish(words);
    } else this.convert([a, b, c]);
  }

  with4(a: unknown, b: unknown, c: unknown, d: unknown): void {
    const words = this.begin();
    if (
      words !== undefined &&
      this.put(words, 0, a) &&
      this.put(words, 1, b) &&
      this.put(words, 2, c) &&
      this.put(words, 3, d)
    ) {
      this.finish(words);
    } else this.convert([a, b, c, d]);
  }

  /** Any number of values. The array is used up. */
  withAll(values: unknown[]): void {
    const { types } = this;
    const words = this.begin();
    if (words !== undefined) {
      let slot = 0;
      while (slot < types.length && this.put(words, slot, values[slot])) slot++;
      if (slot === types.length) {
        this.finish(words);
        return;
      }
    }
    this.convert(values);
  }

  /** The frame's words; nothing if the probe has left its image, or if it is not yet certain that there is a tracer. */
  private begin(): Int32Array | undefined {
    const { loaded } = this;
    if (loaded === undefined || loaded.text === undefined) return undefined;
    const { frame } = loaded.engine;
    frame.cursor = FRAME.scratch;
    return frame.words;
  }

  /** Writes an argument word. False: the value has to be converted first. */
  private put(words: Int32Array, slot: number, value: unknown): boolean {
    const type = this.types[slot]!;
    if (typeof value !== 'number' || type.plain !== PLAIN_32) return this.putOther(slot, type, value);
    writeInt32(words, slot, type, value);
    return true;
  }

  private putOther(slot: number, type: CType, value: unknown): boolean {
    return writePlain(this.loaded!.engine.frame, slot, type, value, this.context.maxStringBytes);
  }

  private finish(words: Int32Array): void {
    words[TARGET] = this.entryLow;
    words[TARGET + 1] = this.entryHigh;
    words[STACK_COUNT] = this.stackCount;
    words[STACK_COUNT + 1] = 0;
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
    let cursor = frame.scratchStart;
    for (let slot = 0; slot < types.length; slot++) {
      cursor = writeWord(frame, slot, types[slot]!, values[slot] as NormalValue, cursor, maxStringBytes);
    }
    this.finish(frame.words);
  }
}
