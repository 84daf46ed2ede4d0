/** What the writers of both object formats are given: sections by name, with contents, symbols and pointers. */

import type { Sequence } from '../model/sequence.ts';
import { isPowerOfTwo, type NameEncoding } from './bytes.ts';

/** Bytes that are written where they belong, so that they exist once. */
export interface SectionWriter {
  /** How many. */
  readonly length: number;
  /** Writes them to `out`, which has that length and is zeroed. */
  write(out: Uint8Array): void;
}

/** A place that has a name. */
export interface SectionSymbol {
  readonly name: string;
  /** In bytes from the start of its section. */
  readonly offset: number;
  /** Bytes; Mach-O does not tell them. */
  readonly size: number;
}

/** A symbol, and the section that it is in. */
export interface PlacedSymbol extends SectionSymbol {
  readonly section: string;
}

/** Symbols for debuggers and profilers, all in one section. */
export interface LocalSymbols {
  readonly section: string;
  readonly list: Sequence<SectionSymbol>;
  /** What all names begin with. Default: nothing. */
  readonly prefix?: string;
  /** How the rest of the names is written. Default: as it is. */
  readonly encoding?: NameEncoding;
}

/** A word of a section that holds an address of the same object. The loader adds where it loads the object. */
export interface Pointer {
  /** A section with contents that may be written to. */
  readonly section: string;
  /** Of the word, in bytes from the start of the section. */
  readonly offset: number;
  /** What it holds: an address, relative to where the object is loaded. */
  readonly target: number;
}

/** Contents of sections by name. What is left out is zero. */
export type SectionContents = Readonly<Record<string, Uint8Array>>;

/** @throws RangeError for a number of bytes that no section can have. */
export function checkSize(what: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0 && value <= 0x7fffffff)) {
    throw new RangeError(`${what} must be an integer from 0 to 2^31-1: ${value}`);
  }
}

/** @throws RangeError unless it is a power of two, at most `most`. */
export function checkAlign(section: string, align: number, most: number): void {
  if (!isPowerOfTwo(align) || align > most)
    throw new RangeError(`${section}: the alignment must be a power of two up to ${most}: ${align}`);
}

/** @throws RangeError for a name that occurs twice, or is none. */
export function checkNames(exports: readonly string[], imports: readonly string[]): void {
  const names = [...exports, ...imports];
  if (new Set(names).size !== names.length)
    throw new RangeError('exports and imports must have distinct names');
  if (names.includes('')) throw new RangeError('a dynamic symbol must have a name');
}

/** @throws RangeError where the symbols are not those that were planned, each once. */
export function checkExports(planned: readonly string[], given: readonly SectionSymbol[]): void {
  const missing = new Set(planned);
  for (const { name } of given) {
    if (!missing.delete(name)) throw new RangeError(`an export that was not planned, or twice: ${name}`);
  }
  for (const name of missing) throw new RangeError(`a planned export is missing: ${name}`);
}

/** @throws RangeError unless the symbol lies within a section of `size` bytes. */
export function checkSymbol(
  { name, offset, size }: SectionSymbol,
  section: string,
  sectionSize: number,
): void {
  if (!(offset >= 0 && size >= 0 && offset + size <= sectionSize))
    throw new RangeError(`symbol ${name} is outside of ${section}: offset ${offset}, size ${size}`);
}

/** @throws RangeError unless it is a whole word of a section that can have pointers. */
export function checkPointer(
  { section, offset }: Pointer,
  possible: boolean,
  size: number,
  word: number,
): void {
  if (!possible) throw new RangeError(`${section} can't have pointers: it is not writable, or of zeros`);
  if (!(offset >= 0 && offset + word <= size && offset % word === 0))
    throw new RangeError(`${section} has no word at offset ${offset}`);
}

/** @throws RangeError unless it has as many bytes as were planned. */
export function checkLength(what: string, { length }: Uint8Array, planned: number): void {
  if (length !== planned) throw new RangeError(`${what} has ${length} bytes, planned were ${planned}`);
}

/** @throws RangeError unless there are as many as were planned. */
export function checkCount(what: string, given: number, planned: number): void {
  if (given !== planned) throw new RangeError(`${given} ${what} are given, planned were ${planned}`);
}
