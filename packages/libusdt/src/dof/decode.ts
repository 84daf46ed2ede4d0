/**
 * From a DOF document to values. Reads what any writer has written (dtrace -G, libusdt, others), as far as providers
 * go; D programs, which the format may hold too, are passed over.
 */

import { alignUp, decodeText } from '../object/bytes.ts';
import * as dof from './constants.ts';
import type { DofDocument, DofFormat, DofProbe, DofProvider } from './document.ts';
import { DofError } from './error.ts';
import {
  type DofHdr,
  type DofProbeEntry,
  type DofSec,
  type DofView,
  dofView,
  readHdr,
  readProbe,
  readProvider,
  readRelodesc,
  readRelohdr,
  readSec,
} from './structures.ts';

/** A document as read: all addresses exact. */
export interface DecodedDof extends DofDocument {
  readonly providers: readonly DecodedProvider[];
}
export interface DecodedProvider extends DofProvider {
  readonly probes: readonly DecodedProbe[];
}
export interface DecodedProbe extends DofProbe {
  readonly addr: bigint;
  /** FreeBSD: `addr` counts from this place in the document, not from the start of the object file. */
  readonly addrFrom?: number;
}

/**
 * A damaged document may refer to the same long string, or to the same offsets, from each of its probes: what one is
 * read to is bounded, in bytes. The largest number of tracepoints that a kernel takes (fasttrap_max) fits well.
 */
const MOST_BYTES = 64 * 1024 * 1024;
/** What an offset may become is larger than it is. */
const OFFSET_BYTES = 64;

/** Data model, byte order and version. @throws DofError for what does not begin as a document does. */
export function readDofFormat(bytes: Uint8Array): DofFormat {
  if (bytes.length < dof.SIZE.hdr) throw new DofError('shorter than a header', 0);
  if (dof.DOF_MAG.some((byte, index) => bytes[index] !== byte)) throw new DofError('no DOF magic', 0);
  const [model, encoding, version] = bytes.subarray(dof.DOF_ID_MODEL);
  if (model !== dof.DOF_MODEL_ILP32 && model !== dof.DOF_MODEL_LP64) {
    throw new DofError(`unknown data model ${model}`, dof.DOF_ID_MODEL);
  }
  if (encoding !== dof.DOF_ENCODE_LSB && encoding !== dof.DOF_ENCODE_MSB) {
    throw new DofError(`unknown encoding ${encoding}`, dof.DOF_ID_ENCODING);
  }
  if (version !== 1 && version !== 2 && version !== 3) {
    throw new DofError(`unknown version ${version}`, dof.DOF_ID_VERSION);
  }
  return {
    model: model === dof.DOF_MODEL_ILP32 ? 'ILP32' : 'LP64',
    encoding: encoding === dof.DOF_ENCODE_LSB ? 'LSB' : 'MSB',
    version,
  };
}

/** The document at the start of `bytes`. @throws DofError when it can't be read. */
export function decodeDof(bytes: Uint8Array): DecodedDof {
  const format = readDofFormat(bytes);
  try {
    return readDocument(bytes, format);
  } catch (error) {
    // What lies outside the document, or outside a string table.
    throw error instanceof RangeError ? new DofError(error.message, 0) : error;
  }
}

function readDocument(bytes: Uint8Array, format: DofFormat): DecodedDof {
  const sections = new Sections(bytes, format);
  const providers: DecodedProvider[] = [];
  const { relocated, relative } = readRelocations(sections);
  for (let index = 0; index < sections.count; index++) {
    if (sections.at(index).type === dof.DOF_SECT_PROVIDER)
      providers.push(readProviderSection(sections, index, relative));
  }
  return { ...format, providers, relocated };
}

/** Are the addresses of probes relocated; and the places of the words that count from themselves. */
function readRelocations(sections: Sections): { relocated: boolean; relative: ReadonlySet<number> } {
  let relocated = false;
  const relative = new Set<number>();
  for (let index = 0; index < sections.count; index++) {
    const { type, offset, size } = sections.at(index);
    if (type !== dof.DOF_SECT_URELHDR || size < dof.SIZE.relohdr) continue;
    const { relsec, tgtsec } = readRelohdr(sections.view, Number(offset));
    const target = sections.at(tgtsec);
    if (target.type !== dof.DOF_SECT_PROBES) continue;
    relocated = true;
    const table = sections.typed(relsec, dof.DOF_SECT_RELTAB);
    const entsize = Math.max(table.entsize, dof.SIZE.relodesc);
    for (let at = 0; at + entsize <= table.bytes.length; at += entsize) {
      sections.spend(entsize);
      const entry = readRelodesc(sections.view, Number(table.offset) + at);
      if (entry.type === dof.DOF_RELO_DOFREL) relative.add(Number(target.offset + entry.offset));
    }
  }
  return { relocated, relative };
}

/**
 * All documents of an object file's section: where several objects were linked into one, theirs stand one after another.
 * Behind one whose header can't be read no other can be found: the last is then all that is left.
 */
export function splitDofs(bytes: Uint8Array): Uint8Array[] {
  const documents: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    // A linker fills the gaps with zeroes.
    if (at > 0 && rest[0] === 0) break;
    const size = sizeOf(rest);
    documents.push(rest.subarray(0, size));
    at += alignUp(size, 8);
  }
  return documents;
}

function sizeOf(bytes: Uint8Array): number {
  try {
    const { filesz } = readHdr(dofView(bytes, readDofFormat(bytes).encoding));
    if (filesz >= dof.SIZE.hdr && filesz < bytes.length) return Number(filesz);
  } catch (error) {
    if (!(error instanceof DofError)) throw error;
  }
  return bytes.length;
}

/** As splitDofs, read. @throws DofError when one of them can't be read. */
export function decodeDofs(bytes: Uint8Array): DecodedDof[] {
  return splitDofs(bytes).map(decodeDof);
}

/** The sections of a document, each within it. */
class Sections {
  readonly view: DofView;
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly #hdr: DofHdr;
  #left = MOST_BYTES;

  constructor(bytes: Uint8Array, { encoding, version }: DofFormat) {
    this.view = dofView(bytes, encoding);
    this.version = version;
    this.#hdr = readHdr(this.view);
    const { loadsz, secoff, secnum, secsize } = this.#hdr;
    if (loadsz > bytes.length) throw new DofError(`cut off: ${loadsz} bytes wanted`, 0);
    this.bytes = bytes.subarray(0, Number(loadsz));
    if (secnum > 0 && secsize < dof.SIZE.sec) throw new DofError('section headers too small', 0);
    if (secoff + BigInt(secnum) * BigInt(secsize) > loadsz) {
      throw new DofError('section headers outside the document', Number(BigInt.asUintN(32, secoff)));
    }
  }

  get count(): number {
    return this.#hdr.secnum;
  }

  /** To be asked before so many bytes of values are made. */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new DofError('it says the same again and again', 0);
  }

  at(index: number): DofSec {
    const { secoff, secsize, secnum } = this.#hdr;
    if (index >= secnum) throw new DofError(`no section ${index}`, 0);
    const at = Number(secoff) + index * secsize;
    const section = readSec(this.view, at);
    if (section.flags & dof.DOF_SECF_LOAD && section.offset + section.size > this.bytes.length) {
      throw new DofError(`section ${index} is outside the document`, at);
    }
    return section;
  }

  /** A section of this type, with its bytes. */
  typed(index: number, type: number): DofSec & { readonly bytes: Uint8Array } {
    const section = this.at(index);
    if (section.type !== type || !(section.flags & dof.DOF_SECF_LOAD)) {
      throw new DofError(`section ${index} is of type ${section.type}, not ${type}`, 0);
    }
    const start = Number(section.offset);
    return { ...section, bytes: this.bytes.subarray(start, start + Number(section.size)) };
  }
}

function readProviderSection(
  sections: Sections,
  index: number,
  relative: ReadonlySet<number>,
): DecodedProvider {
  const { view, version } = sections;
  const self = sections.typed(index, dof.DOF_SECT_PROVIDER);
  const start = Number(self.offset);
  if (self.size < (version === 1 ? dof.SIZE.provider1 : dof.SIZE.provider)) {
    throw new DofError('provider section too small', start);
  }
  const { strtab, probes, prargs, proffs, name, prenoffs, ...attributes } = readProvider(
    view,
    start,
    version,
  );
  const strings = sections.typed(strtab, dof.DOF_SECT_STRTAB).bytes;
  const table = sections.typed(probes, dof.DOF_SECT_PROBES);
  const offsets = wordsOf(view, sections.typed(proffs, dof.DOF_SECT_PROFFS));
  const enabled = prenoffs === 0 ? [] : wordsOf(view, sections.typed(prenoffs, dof.DOF_SECT_PRENOFFS));
  const args = sections.typed(prargs, dof.DOF_SECT_PRARGS).bytes;
  const least = version === 1 ? dof.SIZE.probe1 : dof.SIZE.probe;
  if (table.entsize < least && table.size > 0) {
    throw new DofError(`probes of ${table.entsize} bytes`, Number(table.offset));
  }
  const count = table.size === 0n ? 0 : Math.floor(Number(table.size) / table.entsize);
  sections.spend(4 * (offsets.length + enabled.length));
  return {
    name: stringsAt(sections, strings, name, 1)[0]!,
    attributes,
    probes: Array.from({ length: count }, (_, i) => {
      const at = Number(table.offset) + i * table.entsize;
      const entry = readProbe(view, at, version);
      sections.spend(table.entsize + OFFSET_BYTES * (entry.noffs + entry.nenoffs));
      try {
        const parts = readProbeParts(entry, sections, strings, args, offsets, enabled);
        return relative.has(at) ? { ...parts, addrFrom: at } : parts;
      } catch (error) {
        throw error instanceof RangeError ? new DofError(`probe ${i}: ${error.message}`, at) : error;
      }
    }),
  };
}

function readProbeParts(
  entry: DofProbeEntry,
  sections: Sections,
  strings: Uint8Array,
  args: Uint8Array,
  offsets: readonly number[],
  enabled: readonly number[],
): DecodedProbe {
  return {
    function: stringsAt(sections, strings, entry.func, 1)[0]!,
    name: stringsAt(sections, strings, entry.name, 1)[0]!,
    addr: entry.addr,
    offsets: part(offsets, entry.offidx, entry.noffs, 'offsets'),
    enabledOffsets: part(enabled, entry.enoffidx, entry.nenoffs, 'is-enabled offsets'),
    nativeTypes: stringsAt(sections, strings, entry.nargv, entry.nargc),
    translatedTypes: stringsAt(sections, strings, entry.xargv, entry.xargc),
    mapping: part([...args.subarray(entry.argidx, entry.argidx + entry.xargc)], 0, entry.xargc, 'mapping'),
  };
}

function part(values: readonly number[], start: number, count: number, what: string): number[] {
  if (count === 0) return [];
  if (start + count > values.length) throw new RangeError(`its ${what} are outside their section`);
  return values.slice(start, start + count);
}

function wordsOf({ bytes, little }: DofView, { offset, size }: DofSec): number[] {
  const start = Number(offset);
  return Array.from({ length: Math.floor(Number(size) / 4) }, (_, i) =>
    bytes.getUint32(start + i * 4, little),
  );
}

/** So many strings, one after another. */
function stringsAt(sections: Sections, table: Uint8Array, offset: number, count: number): string[] {
  const found: string[] = [];
  for (let at = offset; found.length < count; ) {
    const end = at < table.length ? table.indexOf(0, at) : -1;
    if (end === -1) throw new RangeError(`no string at ${at} of ${table.length}`);
    sections.spend(end + 1 - at);
    found.push(decodeText(table.subarray(at, end)));
    at = end + 1;
  }
  return found;
}
