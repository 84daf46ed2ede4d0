/**
 * A minimal Mach-O bundle: what dyld needs to map the given sections, and what the tools of macOS need to read them. The
 * counterpart of elf/shared-object.ts, in the same two steps: {@link planBundle} (plan.ts) gives every address,
 * {@link writeBundle} takes the contents and writes the file.
 *
 *     __TEXT      R+X   header, load commands, the given sections that are never written to
 *     __DATA      R+W   __got (one pointer per import), the given sections that may be written to; left out if there are none
 *     __LINKEDIT  R     rebase and bind opcodes, export trie, symbols, strings, code signature
 *
 * Who insists on what (dyld's Header.cpp and Image.cpp; xnu's mach_loader.c and ubc_subr.c):
 * - Segments begin at multiples of the page, 16 KiB on Apple silicon; __TEXT at 0, headers included; __LINKEDIT last,
 *   and ends where the file does.
 * - Tables in __LINKEDIT come in the order of the list above and are aligned to 8, the signature to 16.
 * - dlsym(3) looks in the export trie only, for the name with an underscore in front.
 * - A UUID, a platform and libSystem have become mandatory over the years.
 * - Imports are looked up in all images (flat): Node-API functions are in whatever executable loads the engine.
 * - Everything is ad-hoc signed; see code-signature.ts. No page with code is the signature's partial last one.
 *
 * The same input gives the same bytes.
 * https://github.com/apple-oss-distributions/dyld/blob/main/mach_o/Header.cpp
 */

import { alignUp, cStringLength, writeCString } from '../bytes.ts';
import {
  checkExports,
  checkLength,
  checkPointer,
  checkSymbol,
  type PlacedSymbol,
  type Pointer,
  type SectionContents,
} from '../section.ts';
import { codeSignatureSize, encodeCodeSignature, SIGNATURE_ALIGN } from './code-signature.ts';
import * as macho from './constants.ts';
import { cpuOf } from './cpus.ts';
import { bindOpcodes, rebaseOpcodes } from './dyld-info.ts';
import * as sizes from './encoder.ts';
import { MachOEncoder, type Segment64 } from './encoder.ts';
import { encodeExportTrie } from './export-trie.ts';
import {
  type BundleLayout,
  commandsSize,
  findSection,
  isZeroFill,
  LIB_SYSTEM,
  type PlannedSection,
  WORD,
} from './plan.ts';

export interface BundleContent {
  /** Of the plan's sections. Each has exactly the size that was planned. */
  readonly sections: SectionContents;
  /** Where each of the plan's exports is. */
  readonly exports: readonly PlacedSymbol[];
  readonly pointers?: readonly Pointer[];
  /** For debuggers and profilers. */
  readonly symbols?: readonly PlacedSymbol[];
  /** At least 16 bytes that depend on the content: the UUID. */
  readonly buildId: Uint8Array;
  /** Names the code in crash reports and denials. ASCII. */
  readonly identifier: string;
}

/** The first release for Apple silicon. dyld applies the rules of the SDK that a file names. */
const MACOS_11 = 0x000b0000;

/** Writes the bundle. @throws RangeError where content and plan disagree. */
export function writeBundle(layout: BundleLayout, content: BundleContent): Uint8Array {
  const { plan, segments } = layout;
  check(layout, content);
  const { cputype, cpusubtype, page } = cpuOf(plan.arch);
  const { exports, symbols = [], pointers = [], identifier } = content;
  const last = segments.at(-1)!;
  const linkedit = last.fileoff + last.filesize;
  const table = symbolsOf(layout, symbols, exports);

  const rebase = rebaseOpcodes(layout, pointers);
  const bind = bindOpcodes(layout);
  const trie = encodeExportTrie(table.slice(symbols.length, symbols.length + exports.length));
  const rebase_off = linkedit;
  const bind_off = alignUp(rebase_off + rebase.length, WORD);
  const export_off = alignUp(bind_off + bind.length, WORD);
  const symoff = alignUp(export_off + trie.length, WORD);
  const stroff = symoff + table.length * sizes.NLIST_64;
  // A string of one blank comes first, as ld has it: no symbol is at offset 0.
  const strsize = 2 + table.reduce((sum, { name }) => sum + cStringLength(name) + 1, 0);
  const dataoff = alignUp(stroff + strsize, SIGNATURE_ALIGN);
  const signatureSize = codeSignatureSize(identifier, dataoff);
  const end = dataoff + signatureSize;

  const bytes = new Uint8Array(end);
  const encoder = new MachOEncoder(bytes);
  const all: readonly Segment64[] = [
    ...segments,
    {
      segname: '__LINKEDIT',
      vmaddr: last.vmaddr + last.vmsize,
      vmsize: alignUp(end - linkedit, page),
      fileoff: linkedit,
      filesize: end - linkedit,
      maxprot: macho.VM_PROT_READ,
      initprot: macho.VM_PROT_READ,
      sections: [],
    },
  ];
  const noUndefined = plan.imports.length === 0 ? macho.MH_NOUNDEFS : 0;
  encoder.header({
    cputype,
    cpusubtype,
    filetype: macho.MH_BUNDLE,
    ncmds: all.length + 7,
    sizeofcmds: commandsSize(plan),
    flags: noUndefined | macho.MH_DYLDLINK | macho.MH_TWOLEVEL,
  });
  for (const segment of all) encoder.segment(segment);
  encoder.dyldInfo({
    rebase_off: rebase.length > 0 ? rebase_off : 0,
    rebase_size: rebase.length,
    bind_off: bind.length > 0 ? bind_off : 0,
    bind_size: bind.length,
    export_off,
    export_size: trie.length,
  });
  encoder.symtab(symoff, table.length, stroff, strsize);
  encoder.dysymtab({
    nlocalsym: symbols.length,
    nextdefsym: exports.length,
    nundefsym: plan.imports.length,
  });
  encoder.uuid(asUuid(content.buildId));
  encoder.buildVersion(macho.PLATFORM_MACOS, MACOS_11);
  encoder.loadDylib(LIB_SYSTEM);
  encoder.codeSignature(dataoff, signatureSize);

  for (const [name, part] of Object.entries(content.sections)) {
    bytes.set(part, findSection(segments, name).offset);
  }
  for (const { section, offset, target } of pointers) {
    encoder.seek(findSection(segments, section).offset + offset);
    encoder.pointer(target);
  }
  bytes.set(rebase, rebase_off);
  bytes.set(bind, bind_off);
  bytes.set(trie, export_off);
  encoder.seek(symoff);
  bytes[stroff] = 0x20;
  let n_strx = 2;
  for (const { name, address, n_type, n_sect } of table) {
    const n_desc = n_sect === 0 ? macho.DYNAMIC_LOOKUP_ORDINAL << 8 : 0;
    encoder.nlist({ n_strx, n_type, n_sect, n_desc, n_value: address });
    n_strx = writeCString(bytes, stroff + n_strx, name) - stroff;
  }
  bytes.set(encodeCodeSignature(bytes.subarray(0, dataoff), identifier, segments[0]!.filesize), dataoff);
  return bytes;
}

interface TableSymbol {
  readonly name: string;
  readonly address: number;
  readonly n_type: number;
  /** Number of the section; 0 for none. */
  readonly n_sect: number;
}

/** Local, exported and imported symbols, in their only order. */
function symbolsOf(
  layout: BundleLayout,
  locals: readonly PlacedSymbol[],
  exports: readonly PlacedSymbol[],
): TableSymbol[] {
  const sections = layout.segments.flatMap(({ sections }) => sections);
  const defined = (n_type: number) => {
    return ({ name, section, offset }: PlacedSymbol): TableSymbol => {
      const index = sections.findIndex(({ sectname }) => sectname === section);
      return { name: `_${name}`, address: sections[index]!.addr + offset, n_type, n_sect: index + 1 };
    };
  };
  return [
    ...locals.map(defined(macho.N_SECT)),
    ...exports.map(defined(macho.N_SECT | macho.N_EXT)),
    ...layout.plan.imports.map((name) => {
      return { name: `_${name}`, address: 0, n_type: macho.N_UNDF | macho.N_EXT, n_sect: 0 };
    }),
  ];
}

function check({ plan }: BundleLayout, content: BundleContent): void {
  const planned = new Map(plan.sections.map((section) => [section.sectname, section]));
  const sectionOf = (name: string): PlannedSection => {
    const section = planned.get(name);
    if (section === undefined) throw new RangeError(`this bundle was planned without ${name}`);
    return section;
  };
  for (const [name, bytes] of Object.entries(content.sections)) {
    const { flags, size } = sectionOf(name);
    if (isZeroFill(flags)) throw new RangeError(`${name} was planned to be of zeros`);
    checkLength(name, bytes, size);
  }
  checkExports(plan.exports, content.exports);
  for (const symbol of [...content.exports, ...(content.symbols ?? [])]) {
    checkSymbol(symbol, symbol.section, sectionOf(symbol.section).size);
  }
  for (const pointer of content.pointers ?? []) {
    const { segname, flags, size } = sectionOf(pointer.section);
    checkPointer(pointer, segname === '__DATA' && !isZeroFill(flags), size, WORD);
  }
  const { length } = content.buildId;
  if (length < 16) throw new RangeError(`a UUID takes 16 bytes; the build id has ${length}`);
}

/** A hash as a UUID that says of itself that it follows no other rule (RFC 9562, version 8). */
function asUuid(hash: Uint8Array): Uint8Array {
  const uuid = hash.slice(0, 16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x80;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}
