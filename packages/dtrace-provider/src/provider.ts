/**
 * Provider and probe as the npm package dtrace-provider 0.8 has them, on libusdt. Its compiled part is the contract,
 * down to the messages of its errors; what that leaves to chance is decided in favour of the program that is traced.
 * https://github.com/chrisa/node-dtrace-provider/blob/master/src/dtrace_provider.cc
 * https://github.com/chrisa/node-dtrace-provider/blob/master/src/dtrace_probe.cc
 */

import { createProvider } from 'libusdt';
import { isHard } from './hard.ts';
import { moduleName, probeName, providerName } from './names.ts';
import { type ArgumentType, argumentTypes, argumentValues } from './values.ts';

// Not by require(): bundles that are ES modules have none.
const debug = process.getBuiltinModule('node:util').debuglog('dtrace-provider');

type UsdtProvider = ReturnType<typeof createProvider>;
type UsdtProbe = ReturnType<UsdtProvider['addProbe']>;

interface Parts {
  readonly name: string;
  readonly provider: DTraceProvider;
  readonly types: readonly ArgumentType[];
  /** Undefined for a probe whose name was taken: it never fires. */
  readonly usdt: UsdtProbe | undefined;
  /** Called when the callback of `fire` threw. */
  readonly failed: () => void;
}

/**
 * Of the probe that `makeProbe` is making. V8 takes a field for a constant if it never had another value than the one that it is
 * declared with, and a probe whose fields are constants costs a third to fire.
 */
let making: Parts | undefined;

function makeProbe(parts: Parts): DTraceProbe {
  making = parts;
  try {
    return new DTraceProbe();
  } finally {
    making = undefined;
  }
}

let partsOf: (value: unknown) => Parts | undefined;

/** Made by `addProbe`. Programs may put properties of their own onto it. */
export class DTraceProbe {
  [property: string]: unknown;

  readonly #parts: Parts = making!;
  readonly #usdt: UsdtProbe | undefined = making!.usdt;

  static {
    partsOf = (value) =>
      typeof value === 'object' && value !== null && #parts in value ? value.#parts : undefined;
  }

  /**
   * @param values gives the array of arguments; called only while somebody traces, with the probe as `this`. What it
   *   throws is counted, and goes nowhere else.
   * @param extra passed on to `values`: saves making a closure for each call.
   * @returns true if somebody traces and has been told, else undefined.
   * @throws TypeError if `values` is not a function.
   */
  fire<Extra extends readonly unknown[]>(
    values: (this: DTraceProbe, ...extra: Extra) => unknown,
    ...extra: Extra
  ): true | undefined;
  fire(values: unknown): true | undefined {
    if (typeof values !== 'function') throw new TypeError('Must give probe value callback as first argument');
    if (!this.#usdt?.enabled) return undefined;
    // biome-ignore lint/complexity/noArguments: a rest parameter costs each call that nobody traces an array.
    return this.#deliver(values as () => unknown, Array.prototype.slice.call(arguments, 1));
  }

  #deliver(values: (...extra: unknown[]) => unknown, extra: readonly unknown[]): true | undefined {
    const { types, failed } = this.#parts;
    let given: unknown[];
    try {
      const returned = Reflect.apply(values, this, extra);
      if (!Array.isArray(returned)) return undefined;
      given = argumentValues(types, returned);
    } catch {
      failed();
      return undefined;
    }
    this.#usdt!.fire(...(given as []));
    return true;
  }
}

/** What `provider[Symbol.for('libusdt.status')]` is: how it stands with the probes. The original has nothing like it. */
export interface ProviderStatus {
  /** `unavailable`: this machine can't make probes visible. */
  readonly state: 'disabled' | 'active' | 'unavailable';
  /** If active, the file to give to a tracer. */
  readonly file?: string;
  /** For programs: what is in the way. */
  readonly reason?: string;
  /** For people: what is in the way, and what to do. */
  readonly detail?: string;
  /** How many callbacks of `fire` threw; their events are lost. */
  readonly failures: number;
}

const STATUS: unique symbol = Symbol.for('libusdt.status');

/** A provider. Its probes are properties of it, as are those that programs add. */
export class DTraceProvider {
  [property: string]: unknown;

  readonly #usdt: UsdtProvider;
  readonly #probes = new Map<string, DTraceProbe>();
  #failures = 0;

  /**
   * @param name as tracers show it. Characters that a tracer would refuse become `_`.
   * @param module as DTrace shows it. Default: the provider's name.
   * @throws TypeError, Error with the original's messages.
   */
  constructor(name: string, module?: string);
  constructor(...given: readonly unknown[]) {
    const [name, module] = given;
    if (typeof name !== 'string') throw new TypeError('Must give provider name as argument');
    if (given.length > 2) throw new Error('Expected only provider name and module as arguments');
    if (given.length === 2 && typeof module !== 'string')
      throw new TypeError('Must give module name as argument');
    const usdtName = providerName(name);
    this.#usdt = createProvider(usdtName, {
      module: moduleName(typeof module === 'string' ? module : usdtName),
    });
  }

  /**
   * Adds a probe, which becomes a property of the provider, whatever was there. Tracers see it after `enable()`.
   * @param types `json`, `char *` or `int`, told by how they begin; anything else means `char *`. At most 32 count.
   */
  addProbe(name: string, ...types: readonly string[]): DTraceProbe;
  addProbe(given: unknown, ...given2: readonly unknown[]): DTraceProbe {
    const name = String(given);
    const types = argumentTypes(given2);
    const failed = () => void this.#failures++;
    const usdt = this.#add(name, types);
    const probe = makeProbe({ name, provider: this, types, usdt, failed });
    Object.defineProperty(probe, '__prov__', { value: this });
    Object.defineProperty(this, name, { value: probe, writable: true, enumerable: true, configurable: true });
    if (usdt) this.#probes.set(name, probe);
    return probe;
  }

  #add(name: string, types: readonly ArgumentType[]): UsdtProbe | undefined {
    try {
      return this.#usdt.addProbe(probeName(name), types) as UsdtProbe;
    } catch (error) {
      // The original too goes on with a probe that nobody can see.
      debug('%s', (error as Error).message);
      return undefined;
    }
  }

  /**
   * Takes the probe, and the property of its name, from the provider.
   * @returns true
   * @throws Error if it has no such probe.
   */
  removeProbe(probe: DTraceProbe): true {
    const parts = partsOf(probe);
    if (!parts) throw new TypeError('Must give probe as argument');
    const { name } = parts;
    delete this[name];
    if (this.#probes.size === 0) throw new Error('no probes defined');
    const known = partsOf(this.#probes.get(name));
    if (!known) {
      throw new Error(
        `failed to remove probe ${this.#usdt.name}:${this.#usdt.module}:${probeName(name)}:${probeName(name)}`,
      );
    }
    this.#probes.delete(name);
    if (known.usdt) this.#usdt.removeProbe(known.usdt);
    return true;
  }

  /**
   * Makes the probes visible to tracers. Where that is impossible nothing happens; run with NODE_DEBUG=dtrace-provider
   * to be told why.
   * @throws Error if there are none; and with NODE_DTRACE_PROVIDER_REQUIRE=hard if it is impossible.
   */
  enable(): void {
    if (this.#probes.size === 0) {
      // Of a provider that is enabled all probes may have been removed.
      if (this.#usdt.status.state !== 'disabled') return;
      throw new Error('no probes defined');
    }
    const { name } = this.#usdt;
    const status = this.#usdt.enable({ strict: isHard() });
    if (status.state === 'active') debug('provider %s: probes are in %s', name, status.file);
    if ('detail' in status) debug('provider %s: %s', name, status.detail);
  }

  /** Takes the probes out of sight, until `enable()`. */
  disable(): void {
    this.#usdt.disable();
  }

  /**
   * Fires the probe that is this provider's property of that name.
   * @returns true if there is such a probe, traced or not, else undefined.
   * @throws TypeError if the name is not a string, or `values` not a function.
   */
  fire<Extra extends readonly unknown[]>(
    name: string,
    values: (this: DTraceProbe, ...extra: Extra) => unknown,
    ...extra: Extra
  ): true | undefined;
  fire(name: unknown, values: unknown, ...extra: readonly unknown[]): true | undefined {
    if (typeof name !== 'string') throw new TypeError('Must give probe name as first argument');
    if (typeof values !== 'function')
      throw new TypeError('Must give probe value callback as second argument');
    const probe = this[name];
    if (partsOf(probe)?.provider !== this) return undefined;
    DTraceProbe.prototype.fire.call(probe as DTraceProbe, values as () => unknown, ...(extra as []));
    return true;
  }

  get [STATUS](): ProviderStatus {
    return { ...this.#usdt.status, failures: this.#failures };
  }
}
