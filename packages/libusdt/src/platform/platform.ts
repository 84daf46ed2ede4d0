/**
 * What the library needs of an operating system: one way in, and one file per kind of system behind it: linux.ts;
 * kernel-dtrace.ts for macOS, illumos and FreeBSD; noop.ts for all others. A system belongs to one JavaScript thread.
 * @module
 */

import type { Engine } from '../hosts/napi/engine.ts';
import type { ImageDefinition, ImageSite } from '../image/image.ts';
import type { Sequence } from '../model/sequence.ts';
import type { Target, TracepointEncoding } from '../model/target.ts';
import { openDarwin, openFreebsd, openIllumos } from '../rare.ts';
import { isProblem, MissingPart, type Problem } from '../runtime/reasons.ts';
import { openLinux } from './linux.ts';
import { openNoop } from './noop.ts';

/** An image that is mapped into this process, where tracers find it. */
export interface LoadedImage {
  /** Where its probes lie, in the definition's order. */
  readonly sites: Sequence<ImageSite>;
  readonly engine: Engine;
  /** What a tracer is told: an absolute path. */
  readonly file: string;
  /** `memory`: no folder could be used; `detail` says why, and what that costs. */
  readonly storage: 'file' | 'memory';
  readonly detail: string | undefined;
  /** Address of the first byte of the code. */
  readonly textAddress: bigint;
  /** The code as it is this moment, breakpoints included; undefined where the runtime gives no view of foreign memory. */
  readonly text: Int32Array | undefined;
  /** What made it known to tracers. */
  readonly registeredBy: string;
  /** What stands at its tracepoints. */
  readonly tracepoint: TracepointEncoding;
  /** Takes it out of the process. Its view must not be read any more. May be called twice. */
  unload(): void;
}

export interface System {
  readonly target: Target;
  /**
   * Builds the image, puts it where tracers find it, and maps it.
   * @param file take it from this file (an absolute path), and put it nowhere.
   */
  load(definition: ImageDefinition, file?: string): LoadedImage | Problem;
}

const BY_PLATFORM: Readonly<Record<string, (images?: string) => System | Problem>> = {
  linux: openLinux,
  android: openLinux,
  darwin: openDarwin,
  sunos: openIllumos,
  freebsd: openFreebsd,
};

let opened: System | undefined;

/**
 * This thread's system. A problem is not remembered: what caused it may have been mended.
 * @param images a folder with images that were built ahead of time, where the engine may be too.
 */
export function openSystem(images?: string): System | Problem {
  if (opened) return opened;
  const open = BY_PLATFORM[globalThis.process?.platform ?? 'unknown'] ?? openNoop;
  const system = whole(() => open(images));
  if (isProblem(system)) return system;
  const { target } = system;
  opened = { target, load: (definition, file) => whole(() => system.load(definition, file)) };
  return opened;
}

/** A part of the package that is missing is a problem like others, and no error in what the program called. */
function whole<Result extends object>(what: () => Result | Problem): Result | Problem {
  try {
    return what();
  } catch (error) {
    if (error instanceof MissingPart) return { path: '', reason: 'load-failed', detail: error.message };
    throw error;
  }
}
