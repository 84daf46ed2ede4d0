/**
 * What the tests of this folder share: probes that believe they are traced, and fire into a frame that we read; and
 * references for the conversions, made of BigInt and Buffer alone.
 */

import { FRAME, MAX_ARGUMENTS, TEXT_PLACE_BYTES } from '../../src/abi/call-block.ts';
import { EVENT_TEXT_BYTES } from '../../src/abi/event-size.ts';
import type { CTypeName } from '../../src/ctypes/infer.ts';
import type { Engine, Frame } from '../../src/hosts/host.ts';
import { Texts } from '../../src/hosts/napi/texts.ts';
import type { LoadedImage } from '../../src/platform/platform.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { createProbe, type Probe, type ProbeHandle } from '../../src/provider/probe.ts';

/** Integer types as C has them on LP64: the sizes and signs that the library must agree with. */
export const C_INTEGERS: readonly (readonly [name: CTypeName, bits: 8 | 16 | 32 | 64, signed: boolean])[] = [
  ['int8_t', 8, true],
  ['int16_t', 16, true],
  ['int32_t', 32, true],
  ['int64_t', 64, true],
  ['uint8_t', 8, false],
  ['uint16_t', 16, false],
  ['uint32_t', 32, false],
  ['uint64_t', 64, false],
  ['char', 8, true],
  ['signed char', 8, true],
  ['unsigned char', 8, false],
  ['short', 16, true],
  ['unsigned short', 16, false],
  ['int', 32, true],
  ['unsigned', 32, false],
  ['unsigned int', 32, false],
  ['long', 64, true],
  ['unsigned long', 64, false],
  ['long long', 64, true],
  ['unsigned long long', 64, false],
  ['size_t', 64, false],
  ['ssize_t', 64, true],
  ['intptr_t', 64, true],
  ['uintptr_t', 64, false],
];

/** Just below a multiple of 2^32: the addresses of strings carry into the high half. */
const FRAME_ADDRESS = 0x7ffe_ffff_f000n;
const TEXT_ADDRESS = 0x5555_0000_0000n;
const ENTRY = 0x40;
/** What lies in memory before a probe fires: no NUL that a string could borrow. */
const POISON = 0xaa;

/** What a tracer would find at one fire. */
export class Shot {
  /** All 32 argument words, unsigned. */
  readonly words: readonly bigint[];
  readonly target: bigint;
  readonly #memory: Uint8Array;

  constructor(frame: Frame) {
    const words = new BigUint64Array(frame.words.buffer);
    this.words = Array.from(words.subarray(FRAME.args / 8, FRAME.args / 8 + MAX_ARGUMENTS));
    this.target = words[FRAME.target / 8]!;
    this.#memory = frame.bytes.slice();
  }

  /** Memory that an argument points to. */
  bytes(slot: number, length: number): Uint8Array {
    const at = Number(this.words[slot]! - FRAME_ADDRESS);
    if (at < FRAME.scratch || at + length > FRAME.size)
      throw new RangeError(`argument ${slot}: no such memory`);
    return this.#memory.subarray(at, at + length);
  }

  /** The C string that an argument points to, without its NUL. */
  cstring(slot: number): Buffer {
    const at = Number(this.words[slot]! - FRAME_ADDRESS);
    const end = this.#memory.indexOf(0, at);
    return Buffer.from(this.bytes(slot, end - at));
  }

  text(slot: number): string {
    return this.cstring(slot).toString();
  }
}

export interface GalleryOptions {
  /** False: a runtime that gives no view of the code, where the engine is asked. */
  readonly view?: boolean;
}

/** A thread's frame, and probes that fire into it. Needs no tracer, no file, no Linux. */
export class Gallery {
  readonly shots: Shot[] = [];
  /** How many strings the engine was given. */
  written = 0;
  /** As if the runtime took none. */
  refuse = false;
  /** As if the stack were full. */
  overflow = false;
  readonly frame: Frame;
  readonly #loaded: LoadedImage;

  constructor({ view = true }: GalleryOptions = {}) {
    const buffer = new ArrayBuffer(FRAME.size);
    const [words, bytes] = [new Int32Array(buffer), new Uint8Array(buffer)];
    const invoke = (): void => {
      if (this.overflow) throw new RangeError('Maximum call stack size exceeded');
      this.shots.push(new Shot(this.frame));
      // What is in the places is the library's, and stays.
      bytes.fill(POISON, 0, FRAME.places);
    };
    /** As engine/code.ts has it, with TextEncoder in the place of the runtime. */
    const invokeTexts = (...texts: readonly string[]): unknown => {
      if (this.refuse) return texts[0];
      if (this.overflow) invoke();
      for (const [index, text] of texts.entries()) {
        if (typeof text !== 'string') return text;
        const address = new BigUint64Array(buffer)[FRAME.texts / 8 + index]!;
        const at = Number(address - FRAME_ADDRESS);
        if (at < FRAME.places) throw new RangeError(`text ${index}: at ${at}`);
        const place = bytes.subarray(at, at + TEXT_PLACE_BYTES);
        const { written, read } = new TextEncoder().encodeInto(text, place);
        if (read < text.length || written === place.length) throw new RangeError(`text ${index}: too long`);
        place[written] = 0;
        this.written++;
      }
      invoke();
      return undefined;
    };
    const calls = { invoke, invokeText: invokeTexts, invokeTexts };
    this.frame = {
      words,
      bytes,
      address: FRAME_ADDRESS,
      addressLow: Number(BigInt.asIntN(32, FRAME_ADDRESS)),
      addressHigh: Number(FRAME_ADDRESS >> 32n),
      scratchStart: FRAME.scratch,
      scratchEnd: FRAME.places,
      texts: new Texts(words, bytes, FRAME_ADDRESS, calls),
    };
    this.frame.bytes.fill(POISON);
    const engine: Engine = {
      arch: 'x64',
      frame: this.frame,
      ...calls,
      symbol: () => 0n,
      call: () => 0n,
      read: (_address, length) => new Uint8Array(length).fill(POISON),
      view: () => undefined,
    };
    const image: Pick<LoadedImage, 'sites' | 'engine' | 'textAddress' | 'text'> = {
      sites: [{ entry: ENTRY, site: 0, idle: 0 }],
      engine,
      textAddress: TEXT_ADDRESS,
      text: view ? Int32Array.of(POISON) : undefined,
    };
    // What else is in it concerns files, and no delivery.
    this.#loaded = image as LoadedImage;
  }

  probe(types: readonly CTypeName[], maxStringBytes = EVENT_TEXT_BYTES): Probe & ProbeHandle {
    const context = { maxStringBytes, failures: 0 };
    const probe = createProbe(defineProbe('probe', types), context);
    probe.attach(this.#loaded, 0);
    return probe as Probe & ProbeHandle;
  }
}

const gallery = new Gallery();

/** What a tracer finds when a probe with these types fires with these values. */
export function fire(types: readonly CTypeName[], values: readonly unknown[], maxStringBytes?: number): Shot {
  gallery.shots.length = 0;
  gallery.probe(types, maxStringBytes).fire(...values);
  const [shot, ...more] = gallery.shots;
  if (!shot || more.length > 0) throw new Error(`${gallery.shots.length} shots, not one`);
  return shot;
}

/** A C integer of so many bits in a 64-bit register, unsigned. */
export function wrapped(value: bigint, bits: number, signed: boolean): bigint {
  return BigInt.asUintN(64, signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
}

/** Truncated towards zero, as C does; what is not finite is 0. */
export function truncated(value: number | bigint): bigint {
  if (typeof value === 'bigint') return value;
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}

/** The bits of a double. */
export function doubleBits(value: number): bigint {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer.readBigUInt64BE();
}

/** UTF-8 as a C string of at most `limit` bytes with its NUL can hold: whole characters, nothing from a NUL on. */
export function cText(text: string, limit: number): Buffer {
  const bytes = Buffer.from(text.replace(/\0.*$/su, ''));
  let end = Math.min(bytes.length, limit - 1);
  // Bytes 10xxxxxx continue a character: it began before.
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
