/**
 * The probe handle: what a program keeps and fires.
 *
 * While nobody traces, `fire` is one load from the image's code and one comparison: a tracer's breakpoint changes the
 * first bytes of the tracepoint, in this process' own copy of the page. There is no flag that somebody would have to
 * maintain, so every tracer is noticed, and its end too.
 *
 * Each number of arguments has a `fire` of its own, up to six: collecting arguments into an array costs more than
 * the whole check. More than six are collected. What lies behind the check is in delivery.ts.
 */

import type { CType } from '../ctypes/ctypes.ts';
import { Delivery, kindOf, type ProbeContext, TEXT_AT } from '../delivery/delivery.ts';
import type { ProbeDefinition } from '../image/definition.ts';
import type { MappedImage } from '../platform/platform.ts';

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

/** The code of a probe that is not in any image: never traced. */
const NO_TEXT = new Int32Array(1);
/** The code where the runtime gives no view of it: `fire` can't tell, and `deliver` looks. */
const UNKNOWN_TEXT = new Int32Array([1]);

/**
 * A program may have a hundred thousand of these, so a handle has what `fire` checks and what `enable()` needs. What it takes
 * to deliver is made when the first tracer comes.
 */
export abstract class ProbeHandle implements Probe<never>, ProbeDefinition {
  /** What the check reads: `text[site] !== idle`. The prototype has them until the probe is in an image: see `watch`. */
  declare text: Int32Array;
  declare site: number;
  declare idle: number;
  private made: Delivery | undefined = undefined;
  /** The image that the probe is in. */
  loaded: MappedImage | undefined = undefined;
  /** Which of the image's probes it is. */
  private index = 0;
  readonly name: string;
  readonly function: string;
  readonly types: readonly CType[];
  readonly context: ProbeContext;

  constructor({ name, function: functionName, types }: ProbeDefinition, context: ProbeContext) {
    this.name = name;
    this.function = functionName;
    this.types = types;
    this.context = context;
  }

  get delivery(): Delivery {
    return this.made ?? this.makeDelivery();
  }

  private makeDelivery(): Delivery {
    const made = new Delivery(this, this.context);
    if (this.loaded) attachDelivery(made, this.loaded, this.index);
    this.made = made;
    return made;
  }

  get args(): readonly string[] {
    return this.types.map((type) => type.name);
  }

  get enabled(): boolean {
    return this.text[this.site] !== this.idle && (this.text !== UNKNOWN_TEXT || this.delivery.look());
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
    this.delivery.withAll(given);
  }

  /** From now on the probe is the image's. */
  attach(loaded: MappedImage, index: number): void {
    this.loaded = loaded;
    this.index = index;
    if (this.made) attachDelivery(this.made, loaded, index);
    if (loaded.text) {
      const { site, idle } = loaded.sites.at(index)!;
      watch(this, loaded.text, site / 4, idle);
    } else watch(this, UNKNOWN_TEXT, 0, 0);
  }

  /** From now on nothing of the image is touched. */
  detach(): void {
    watch(this, NO_TEXT, 0, 0);
    this.index = 0;
    this.loaded = undefined;
    this.made?.detach();
  }
}

function attachDelivery(delivery: Delivery, loaded: MappedImage, index: number): void {
  delivery.attach(loaded, index, Number(loaded.textAddress) + loaded.sites.at(index)!.entry);
}

watch(ProbeHandle.prototype, NO_TEXT, 0, 0);

/**
 * Says what a handle's check reads. V8 compiles the values of fields into the code that uses them, as long as no object of the class
 * got a second value for one. So the fields come into being only here, when the probe gets into an image: in programs
 * that enable each probe once, which is most, a `fire` of a known handle is a comparison of a word in memory with a constant, and
 * costs half. Writing again (disable, enable) is right too, and as fast as if the fields had always been there.
 */
function watch(handle: ProbeHandle, text: Int32Array, site: number, idle: number): void {
  handle.text = text;
  handle.site = site;
  handle.idle = idle;
}

class Probe0 extends ProbeHandle {
  fire(): void {
    if (this.text[this.site] !== this.idle) this.delivery.withAll([]);
  }
}

class Probe1 extends ProbeHandle {
  fire(a: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.with1(a);
  }
}

class Probe2 extends ProbeHandle {
  fire(a: unknown, b: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.with2(a, b);
  }
}

class Probe3 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.with3(a, b, c);
  }
}

class Probe4 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.with4(a, b, c, d);
  }
}

class Probe5 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.withAll([a, b, c, d, e]);
  }
}

class Probe6 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.withAll([a, b, c, d, e, f]);
  }
}

class ProbeMany extends ProbeHandle {
  fire(...values: unknown[]): void {
    if (this.text[this.site] !== this.idle) this.delivery.withAll(values);
  }
}

class TextProbe1 extends ProbeHandle {
  fire(a: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.textOf1(a);
  }
}

class TextProbe2 extends ProbeHandle {
  fire(a: unknown, b: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.textOf2(a, b);
  }
}

class TextProbe3 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.textOf3(a, b, c);
  }
}

class TextProbe4 extends ProbeHandle {
  fire(a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (this.text[this.site] !== this.idle) this.delivery.textOf4(a, b, c, d);
  }
}

const BY_COUNT = [Probe0, Probe1, Probe2, Probe3, Probe4, Probe5, Probe6] as const;
/** For integers and one string: other code delivers them, and each stays short. */
const TEXT_BY_COUNT = [undefined, TextProbe1, TextProbe2, TextProbe3, TextProbe4] as const;

// V8 sees from the first few objects of a class how much room each needs. Without these there would be none for the
// fields that come later, and handles that are found in an array would cost a further load.
const NOTHING: ProbeDefinition = { name: '', function: '', types: [] };
for (const Handle of [...BY_COUNT, ...TEXT_BY_COUNT, ProbeMany]) {
  if (Handle) watch(new Handle(NOTHING, undefined as never), NO_TEXT, 0, 0);
}

export function createProbe(definition: ProbeDefinition, context: ProbeContext): ProbeHandle {
  const { types } = definition;
  const handle = kindOf(types) >= TEXT_AT ? TEXT_BY_COUNT[types.length] : undefined;
  return new (handle ?? BY_COUNT[types.length] ?? ProbeMany)(definition, context);
}
