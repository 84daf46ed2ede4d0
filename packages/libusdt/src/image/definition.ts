/**
 * What an image is built from.
 */

import type { CType } from '../ctypes/ctypes.ts';
import type { Attributes } from '../model/attributes.ts';

export interface ProbeDefinition {
  readonly name: string;
  readonly function: string;
  readonly types: readonly CType[];
}

export interface ImageDefinition {
  readonly provider: string;
  readonly module: string;
  /** For DTrace. Default: those of a provider that says nothing of them. */
  readonly attributes?: Attributes;
  readonly probes: readonly ProbeDefinition[];
}
