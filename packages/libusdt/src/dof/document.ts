/**
 * What a DOF document says, as values: providers, their probes, where these are and what they hand over.
 */

/** Data model, byte order and version: what a document's first bytes tell. */
export interface DofFormat {
  readonly model: 'ILP32' | 'LP64';
  readonly encoding: 'LSB' | 'MSB';
  /** 1: no is-enabled offsets. 2: with them. 3: the only version of macOS; on Linux it changes the is-enabled protocol. */
  readonly version: 1 | 2 | 3;
}

export interface DofDocument extends DofFormat {
  readonly providers: readonly DofProvider[];
  /**
   * The probes' addresses count from the start of the object file: the document asks who loads it to add the address
   * that the object was loaded at (`dofhp_addr`). macOS knows no relocations.
   */
  readonly relocated: boolean;
}

export interface DofProvider {
  /** Without the process id, which DTrace appends. */
  readonly name: string;
  /** The five stability attributes, as of attributes.ts. */
  readonly attributes: DofAttributes;
  readonly probes: readonly DofProbe[];
}

/** Attribute words, by the names of the provider's fields without their prefix `dofpv_`. */
export interface DofAttributes {
  readonly provattr: number;
  readonly modattr: number;
  readonly funcattr: number;
  readonly nameattr: number;
  readonly argsattr: number;
}

export interface DofProbe {
  readonly function: string;
  readonly name: string;
  /** What the offsets count from. On macOS they count from `dofhp_addr`, and this is only shown. */
  readonly addr: number | bigint;
  /** Where the probe's tracepoints are. Unsigned 32 bits. */
  readonly offsets: readonly number[];
  /** Where the program asks whether the probe is enabled. Not in version 1. */
  readonly enabledOffsets: readonly number[];
  /** C types of the arguments that the program passes, in order. At most 255. */
  readonly nativeTypes: readonly string[];
  /** C types of `args[0]`, `args[1]`... in D. */
  readonly translatedTypes: readonly string[];
  /** For each of those, the native argument that it is made from. Kernels are sure only of the identity. */
  readonly mapping: readonly number[];
}
