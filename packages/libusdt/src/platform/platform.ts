/**
 * What the library needs of an operating system. A system belongs to one JavaScript thread; index.ts opens it.
 */

import type { Engine } from '../hosts/host.ts';
import type { ImageDefinition } from '../image/definition.ts';
import type { ImageSite } from '../image/sites.ts';
import type { Sequence } from '../model/sequence.ts';
import type { TracepointEncoding } from '../model/target.ts';
import type { Problem } from '../runtime/reasons.ts';

/** The code of an image that is mapped into this process: what a probe needs to be looked at and to be called. */
export interface MappedImage {
  /** Where its probes lie, in the definition's order. */
  readonly sites: Sequence<ImageSite>;
  readonly engine: Engine;
  /** Address of the first byte of the code. */
  readonly textAddress: bigint;
  /** The code as it is this moment, breakpoints included; undefined where the runtime gives no view of foreign memory. */
  readonly text: Int32Array | undefined;
}

/** A mapped image that tracers know of. */
export interface LoadedImage extends MappedImage {
  /** What a tracer is told: an absolute path. */
  readonly file: string;
  /** `memory`: no folder could be used; `detail` says why, and what that costs. */
  readonly storage: 'file' | 'memory';
  readonly detail: string | undefined;
  /** What made it known to tracers. */
  readonly registeredBy: string;
  /** What stands at its tracepoints. */
  readonly tracepoint: TracepointEncoding;
  /** Takes it out of the process. Its view must not be read any more. May be called twice. */
  unload(): void;
}

export interface System {
  /**
   * Builds the image, puts it where tracers find it, and maps it.
   * @param file take it from this file (an absolute path), and put it nowhere.
   */
  load(definition: ImageDefinition, file?: string): LoadedImage | Problem;
}
