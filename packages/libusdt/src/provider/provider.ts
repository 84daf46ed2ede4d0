/**
 * A provider: a name and its probes, and their way into and out of the images that tracers see.
 *
 * An image never changes, since its name is its content's hash. So `enable()` puts all probes that are new into one
 * more image, and those that are visible already stay where they are, tracers attached. Removed probes go when
 * nobody traces their image: it is then replaced by one without them.
 */

import { MAX_STRING_BYTES } from '../abi/call-block.ts';
import { EVENT_TEXT_BYTES } from '../abi/event-size.ts';
import type { ArgumentsOf, CTypeName } from '../ctypes/infer.ts';
import type { ProbeContext } from '../delivery/delivery.ts';
import { type Attributes, checkAttributes } from '../model/attributes.ts';
import { UsdtError } from '../model/errors.ts';
import { show } from '../model/show.ts';
import { openSystem } from '../platform/index.ts';
import type { LoadedImage } from '../platform/platform.ts';
import { isProblem, type Problem } from '../runtime/reasons.ts';
import { dirname, fileURLToPath, resolve } from '../runtime/runtime.ts';
import { defineProbe, duplicateProbe, type ProbeShape, probeKey, type ShapeArguments } from './definition.ts';
import { checkName } from './names.ts';
import { createProbe, type Probe, ProbeHandle } from './probe.ts';
import type { Status } from './status.ts';

/** Probes by their names. */
export type ProbeShapes = Readonly<Record<string, ProbeShape>>;

export interface ProviderOptions<Shapes extends ProbeShapes> {
  /** The probes, all at once: they are then in `provider.probes`. More may be added with `addProbe`. */
  readonly probes?: Shapes;
  /** The part of the program, as DTrace shows it. Default: the provider's name. */
  readonly module?: string;
  /** Stability, as DTrace shows it. */
  readonly attributes?: Partial<Attributes>;
  /**
   * An image that was built ahead of time (`usdt build`): a path, or a file URL. The probes are loaded from there, and
   * nothing is written anywhere; if it is not exactly the image of this provider's probes, `status` says so. The engine
   * is looked for beside it.
   */
  readonly image?: string | URL;
  /**
   * Longer strings, JSON texts and buffers are cut to so many bytes, NUL included. 16 to 32,768; default 3,750. Up to
   * that, all of one event together have 3,750 bytes, since the kernel's own tracer drops longer events. Above, each may be
   * as long as this says, for tracers that read texts themselves (bpftrace, bcc, gdb, DTrace).
   */
  readonly maxStringBytes?: number;
}

export interface EnableOptions {
  /** Throw a UsdtError USDT_UNAVAILABLE where the environment can't make the probes visible. Default: say so in `status`. */
  readonly strict?: boolean;
}

const LEAST_STRING_BYTES = 16;

/** The probes in one loaded image. `removed` ones are in its notes still, and fire no more. */
interface Group {
  readonly loaded: LoadedImage;
  readonly probes: ProbeHandle[];
  readonly removed: string[];
}

/** Made by `createProvider()`. */
export class Provider<Shapes extends ProbeShapes = ProbeShapes> {
  readonly name: string;
  readonly module: string;
  readonly attributes: Attributes;
  /** The probes that `createProvider()` was given. */
  readonly probes: { readonly [Name in keyof Shapes]: Probe<ShapeArguments<Shapes[Name]>> };

  readonly #image: string | undefined;
  readonly #context: ProbeContext;
  readonly #byKey = new Map<string, ProbeHandle>();
  readonly #groups = new Set<Group>();
  #problem: Problem | undefined;
  #freed = false;

  /** Use `createProvider()`. */
  constructor(name: string, options: ProviderOptions<Shapes> = {}) {
    checkName('provider', name);
    if (typeof options !== 'object' || options === null) {
      throw new UsdtError('USDT_BAD_OPTION', `options must be an object, not ${show(options)}`);
    }
    const {
      module = name,
      attributes,
      maxStringBytes = EVENT_TEXT_BYTES,
      probes = {} as Shapes,
      image,
    } = options;
    checkName('module', module);
    const [least, most] = [LEAST_STRING_BYTES, MAX_STRING_BYTES];
    if (!Number.isInteger(maxStringBytes) || maxStringBytes < least || maxStringBytes > most) {
      const message = `maxStringBytes must be an integer from ${least} to ${most}, not ${show(maxStringBytes)}`;
      throw new UsdtError('USDT_BAD_OPTION', message);
    }
    this.name = name;
    this.module = module;
    this.attributes = checkAttributes(attributes);
    this.#image = image === undefined ? undefined : checkImage(image);
    this.#context = { maxStringBytes, failures: 0 };
    const made = Object.entries<ProbeShape>(probes).map(([key, shape]) => [key, this.#add(key, shape)]);
    this.probes = Object.fromEntries(made);
  }

  /**
   * Adds a probe. Tracers see it after the next `enable()`.
   * @param name letters, digits, `_` and `-`; tracers other than DTrace show `-` as `__`.
   * @param shape C type names of the arguments, or `{ function, args }`.
   * @throws UsdtError USDT_BAD_NAME, USDT_DUPLICATE_PROBE, USDT_TOO_MANY_ARGUMENTS, USDT_UNKNOWN_TYPE, USDT_BAD_OPTION, USDT_FREED
   */
  addProbe<const Args extends readonly CTypeName[] = []>(
    name: string,
    // One signature, not two: of overloads the compiler explains the last only, whatever the mistake was in.
    shape?: readonly [...Args] | { readonly function?: string; readonly args?: Args },
  ): Probe<ArgumentsOf<Args>>;
  addProbe(name: string, shape: ProbeShape = []): Probe {
    this.#assertLive();
    return this.#add(name, shape);
  }

  /**
   * Removes a probe: it fires no more. Tracers stop listing it after the next `enable()`, or, while they trace another
   * probe of the same file, after the first `enable()` that finds them gone.
   * @throws UsdtError USDT_UNKNOWN_PROBE if it is not one of this provider's.
   */
  removeProbe(probe: Probe<never>): void {
    this.#assertLive();
    const isHandle = probe instanceof ProbeHandle;
    if (!isHandle || this.#byKey.get(probeKey(probe)) !== probe) {
      const what = isHandle ? show(probe.name) : show(probe);
      throw new UsdtError('USDT_UNKNOWN_PROBE', `${what} is not a probe of provider ${show(this.name)}`);
    }
    this.#byKey.delete(probeKey(probe));
    for (const group of this.#groups) {
      if (probe.loaded === group.loaded) group.removed.push(probe.name);
    }
    probe.detach();
  }

  /**
   * Makes all probes visible to tracers; those that already are stay as they are. May be called at any time, and again.
   * Where the environment makes that impossible nothing happens, and `status` says why.
   * @throws UsdtError USDT_NO_PROBES, USDT_FREED; USDT_UNAVAILABLE if `strict`.
   */
  enable(options: EnableOptions = {}): Status {
    this.#assertLive();
    if (this.#byKey.size === 0) {
      throw new UsdtError(
        'USDT_NO_PROBES',
        `provider ${show(this.name)} has no probes to enable: add one first`,
      );
    }
    this.#problem = this.#publish();
    if (this.#problem && options.strict) {
      const { reason, detail } = this.#problem;
      throw new UsdtError(
        'USDT_UNAVAILABLE',
        `provider ${show(this.name)} can't be traced: ${detail}`,
        reason,
      );
    }
    return this.status;
  }

  /** Takes all probes out of sight and out of memory. They may go on firing: nothing happens. */
  disable(): void {
    for (const group of this.#groups) this.#drop(group);
    this.#problem = undefined;
  }

  /** Disables the provider for good and forgets its probes. */
  free(): void {
    this.disable();
    this.#byKey.clear();
    this.#freed = true;
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** How it stands with the provider at this moment. */
  get status(): Status {
    const { failures } = this.#context;
    const problem = this.#problem;
    const groups = [...this.#groups];
    const [first] = groups;
    if (!first) {
      if (!problem) return { state: 'disabled', failures };
      return { state: 'unavailable', reason: problem.reason, detail: problem.detail, failures };
    }
    const worst = groups.find((group) => group.loaded.storage === 'memory')?.loaded;
    const detail = problem?.detail ?? (worst ?? groups.find(({ loaded }) => loaded.detail)?.loaded)?.detail;
    return {
      state: 'active',
      file: first.loaded.file,
      files: groups.map((group) => group.loaded.file),
      tracepoint: first.loaded.tracepoint,
      registeredBy: first.loaded.registeredBy,
      storage: worst ? 'memory' : 'file',
      lingering: groups.flatMap((group) => group.removed),
      failures,
      ...(problem && { reason: problem.reason }),
      ...(detail !== undefined && { detail }),
    };
  }

  #assertLive(): void {
    if (this.#freed)
      throw new UsdtError('USDT_FREED', `provider ${show(this.name)} was freed: create a new one`);
  }

  #add(name: string, shape: ProbeShape): ProbeHandle {
    const definition = defineProbe(name, shape);
    const key = probeKey(definition);
    const twin = this.#byKey.get(key);
    if (twin) throw duplicateProbe(this.name, definition, twin);
    const probe = createProbe(definition, this.#context);
    this.#byKey.set(key, probe);
    return probe;
  }

  /** Brings the images in line with the probes. */
  #publish(): Problem | undefined {
    const outdated = [...this.#groups].filter((group) => group.removed.length > 0 && !isTraced(group));
    const probes = [...this.#byKey.values()];
    const pending = this.#groups.size === 0 ? probes : probes.filter(({ loaded }) => !loaded);
    for (const group of outdated) for (const probe of probesOf(group)) pending.push(probe);
    if (pending.length > 0) {
      const system = openSystem(this.#image === undefined ? undefined : dirname(this.#image));
      if (isProblem(system)) return system;
      const { name: provider, module, attributes } = this;
      const definition = { provider, module, attributes, probes: pending };
      const loaded = system.load(definition, this.#image);
      if (isProblem(loaded)) return loaded;
      for (let index = 0; index < pending.length; index++) pending[index]!.attach(loaded, index);
      this.#groups.add({ loaded, probes: pending, removed: [] });
    }
    for (const group of outdated) this.#drop(group);
    return undefined;
  }

  #drop(group: Group): void {
    for (const probe of probesOf(group)) probe.detach();
    this.#groups.delete(group);
    group.loaded.unload();
  }
}

/** An absolute path. @throws UsdtError USDT_BAD_OPTION */
function checkImage(image: unknown): string {
  try {
    // Also a URL of another realm, as test runners make them.
    if (typeof image === 'object' || (typeof image === 'string' && image.startsWith('file:')))
      return fileURLToPath(image as URL);
    if (typeof image === 'string' && image !== '' && !image.includes('\0')) return resolve(image);
  } catch {
    // Of another protocol than file:, or for another system.
  }
  throw new UsdtError('USDT_BAD_OPTION', `image must be a path or a file URL, not ${show(image)}`);
}

/** Those of a group that were neither removed nor moved to another. */
function probesOf({ probes, loaded }: Group): ProbeHandle[] {
  return probes.filter((probe) => probe.loaded === loaded);
}

function isTraced(group: Group): boolean {
  return probesOf(group).some((probe) => probe.enabled);
}
