/**
 * The probe handle: what a program keeps and fires.
 *
 * While nobody traces, `fire` is one load from the image's code and one comparison: a tracer's breakpoint changes the
 * first bytes of the tracepoint, in this process' own copy of the page. There is no flag that somebody would have to
 * maintain, so every tracer is noticed, and its end too.
 *
 * Each number of arguments has a `fire` of its own, up to six: collecting arguments into an array costs more than
 * the whole check. More than six are collected.
 * @module
 */

import { FRAME, stackWords } from '../engine/frame.ts';
import type { ProbeDefinition } from '../image/image.ts';
import type { LoadedImage } from '../system/system.ts';
import { writeNumber, writeWord } from '../types/frame-writer.ts';
import { type NormalValue, normalise } from '../types/normalise.ts';

/** A probe. Made by `addProbe()`, or by `createProvider()` from its `probes`. */
export interface Probe<Args extends readonly unknown[] = readonly unknown[]> {
  readonly name: string;
  /** The function's name, as tracers show it. */
  readonly function: string;
  /** C type names of the arguments. */
  readonly args: readonly string[];
  /** True while a tracer is attached to this probe in this process. */
  readonly enabled: boolean;
  /**
   * Hands the values to the tracers. Costs about a nanosecond while there are none. Never throws: values are
   * converted as C would (docs/types.md), and user code that runs on the way (toString, toJSON, getters) is contained.
   */
  fire(...args: Args): void;
  /**
   * As `fire`, for values that are costly to come by: `values` is called only while somebody traces. What it throws
   * is counted in the provider's `status.failures`, and goes nowhere else: tracing must not change what a program does.
   */
  fireLazy(values: () => Args): void;
}

/** What the probes of one provider have in common. */
export interface ProbeContext {
  readonly maxStringBytes: number;
  failures: number;
}

/** The code of a probe that is not in any image: never traced. */
const NO_TEXT = new Int32Array(1);
/** The code where the runtime gives no view of it: `fire` can't tell, and `deliver` looks. */
const UNKNOWN_TEXT = new Int32Array([1]);

/** Indices of the frame's 32-bit words. */
const TARGET = FRAME.target / 4;
const STACK_COUNT = FRAME.stackCount / 4;
const TWO_32 = 2 ** 32;

export abstract class ProbeHandle implements Probe<never> {
  /** What the check reads: `text[site] !== idle`. */
  text: Int32Array = NO_TEXT;
  site = 0;
  idle = 0;
  loaded: LoadedImage | undefined = undefined;
  /** Which of the image's sites. */
  index = 0;
  /** Address of the probe's function, in halves. */
  entryLow = 0;
  entryHigh = 0;
  stackCount = 0;
  definition: ProbeDefinition;
  context: ProbeContext;

  constructor(definition: ProbeDefinition, context: ProbeContext) {
    this.definition = definition;
    this.context = context;
  }

  get name(): string {
    return this.definition.name;
  }

  get function(): string {
    return this.definition.function;
  }

  get args(): readonly string[] {
    return this.definition.types.map((type) => type.name);
  }

  get enabled(): boolean {
    return this.text[this.site] !== this.idle && (this.text !== UNKNOWN_TEXT || this.look());
  }

  abstract fire(...args: readonly unknown[]): void;

  fireLazy(values: () => readonly unknown[]): void {
    if (!this.enabled) return;
    let given: unknown[];
    try {
      given = [...values()];
    } catch {
      this.context.failures++;
      return;
    }
    this.deliver(given);
  }

  /** From now on the probe is the image's. */
  attach(loaded: LoadedImage, index: number): void {
    const { site, idle, entry } = loaded.sites[index]!;
    const address = Number(loaded.textAddress) + entry;
    this.entryLow = address | 0;
    this.entryHigh = Math.floor(address / TWO_32);
    this.stackCount = stackWords(loaded.engine.arch, this.definition.types.length);
    this.loaded = loaded;
    this.index = index;
    if (loaded.text) {
      this.site = site / 4;
      this.idle = idle;
      this.text = loaded.text;
    } else {
      this.site = this.idle = 0;
      this.text = UNKNOWN_TEXT;
    }
  }

  /** From now on nothing of the image is touched. */
  detach(): void {
    this.text = NO_TEXT;
    this.site = this.idle = this.index = 0;
    this.loaded = undefined;
  }

  /** Reads the code through the engine. */
  look(): boolean {
    const { loaded } = this;
    if (!loaded) return false;
    const { site, idle } = loaded.sites[this.index]!;
    const word = loaded.engine.read(loaded.textAddress + BigInt(site), 4);
    return new DataView(word.buffer, word.byteOffset).getInt32(0, true) !== idle;
  }

  /** Calls the probe's function with these values. The array is used up. */
  deliver(values: unknown[]): void {
    if (this.text === UNKNOWN_TEXT && !this.look()) return;
    const { types } = this.definition;
    // User code may run here, and it may fire probes or disable this one: nothing of the frame is touched yet.
    for (let slot = 0; slot < types.length; slot++) {
      const value = values[slot];
      if (typeof value !== 'number' || !types[slot]!.plain) values[slot] = normalise(types[slot]!, value);
    }
    const { loaded } = this;
    if (loaded === undefined) return;
    const { engine } = loaded;
    const { frame } = engine;
    const { words } = frame;
    const { maxStringBytes } = this.context;
    let cursor = frame.scratchStart;
    for (let slot = 0; slot < types.length; slot++) {
      const value = values[slot];
      const type = types[slot]!;
      if (typeof value === 'number') writeNumber(words, slot, type, value);
      else cursor = writeWord(frame, slot, type, value as NormalValue, cursor, maxStringBytes);
    }
    words[TARGET] = this.entryLow;
    words[TARGET + 1] = this.entryHigh;
    words[STACK_COUNT] = this.stackCount;
    words[STACK_COUNT + 1] = 0;
    engine.invoke();
  }
}

class Probe0 extends ProbeHandle {
  fire(): void {
    if (this.text[this.site] !== this.idle) this.deliver([]);
  }
}

class Probe1 extends ProbeHandle {
  fire(a: unknown): void {
    if (this.text[this.site] !== this.idle) this.deliver([a]);
  }
}

class Probe2 extends ProbeHandle {
  fire(a: unknown, b: unknown): void {
    if (this.text[this.site] !== this.idle) this.deliver([a, b]);
  }
}

class Probe3 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown): void {
    if (this.text[this.site] !== this.idle) this.deliver([a, b, c]);
  }
}

class Probe4 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (this.text[this.site] !== this.idle) this.deliver([a, b, c, d]);
  }
}

class Probe5 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): void {
    if (this.text[this.site] !== this.idle) this.deliver([a, b, c, d, e]);
  }
}

class Probe6 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): void {
    if (this.text[this.site] !== this.idle) this.deliver([a, b, c, d, e, f]);
  }
}

class ProbeMany extends ProbeHandle {
  fire(...values: unknown[]): void {
    if (this.text[this.site] !== this.idle) this.deliver(values);
  }
}

const BY_COUNT = [Probe0, Probe1, Probe2, Probe3, Probe4, Probe5, Probe6] as const;

export function createProbe(definition: ProbeDefinition, context: ProbeContext): ProbeHandle {
  return new (BY_COUNT[definition.types.length] ?? ProbeMany)(definition, context);
}
