/**
 * A minimal Mach-O bundle: what dyld needs to map code, and what the tools of macOS need to read it. The counterpart
 * of elf/shared-object.ts, in the same two steps: {@link planBundle} gives every address, {@link writeBundle} takes the
 * code and writes the file.
 *
 *     __TEXT      R+X   header, load commands, __text, __const (the DOF document)
 *     __DATA      R+W   one pointer per import, zeroed data; left out if there is neither
 *     __LINKEDIT  R     binding opcodes, export trie, symbols, strings, code signature
 *
 * Who insists on what (dyld's Header.cpp and Image.cpp; xnu's mach_loader.c and ubc_subr.c):
 * - Segments begin at multiples of the page, 16 KiB on Apple silicon; __TEXT at 0, headers included; __LINKEDIT last,
 *   and ends where the file does.
 * - Tables in __LINKEDIT come in the order of the list above and are aligned to 8, the signature to 16.
 * - dlsym(3) looks in the export trie only, for the name with an underscore in front.
 * - A UUID, a platform and libSystem have become mandatory over the years.
 * - The DOF document is in an ordinary section. In one of type S_DTRACE_DOF dyld would register it by itself, and then
 *   never unload the image, nor tell the generation that is needed to remove the probes.
 * - Imports are looked up in all images (flat): Node-API functions are in whatever executable loads the engine.
 * - Everything is ad-hoc signed; see code-signature.ts. No page with code is the signature's partial last one.
 *
 * The same input gives the same bytes.
 * https://github.com/apple-oss-distributions/dyld/blob/main/mach_o/Header.cpp
 * @module
 */

import type { MachOFacts } from '../../arch/arch.ts';
import { PROCESSORS } from '../../arch/index.ts';
import type { Arch } from '../../model/target.ts';
import { alignUp, cStringLength, isPowerOfTwo, writeCString } from '../bytes.ts';
import { codeSignatureSize, encodeCodeSignature, SIGNATURE_ALIGN } from './code-signature.ts';
import * as macho from './constants.ts';
import * as sizes from './encoder.ts';
import { loadDylibSize, MachOEncoder, type Section64, type Segment64 } from './encoder.ts';
import { encodeExportTrie } from './export-trie.ts';
import { uleb128 } from './leb128.ts';

export interface BundlePlan {
  readonly arch: Arch;
  /** Bytes of machine code. */
  readonly textSize: number;
  /** A power of two, at most 4096. */
  readonly textAlign: number;
  /** Functions for dlsym(3), as C spells them: without the underscore. */
  readonly exports: readonly string[];
  /** Functions of other images; each gets a word with its address. */
  readonly imports: readonly string[];
  /** Zero-initialised writable bytes; 0 for none. */
  readonly dataSize: number;
  /** Bytes of the DOF document; none unless told otherwise. */
  readonly dofSize?: number;
}

/** Addresses, relative to where the bundle is loaded; those in __TEXT are offsets in the file too. */
export interface BundleLayout {
  readonly plan: BundlePlan;
  readonly textAddress: number;
  /** 8-aligned. @throws RangeError without one. */
  readonly dofAddress: number;
  /** 8-aligned. @throws RangeError without any. */
  readonly dataAddress: number;
  /** Address of the word that holds an imported function's address. @throws RangeError for another name. */
  gotAddress(name: string): number;
  readonly segments: readonly Segment64[];
}

export interface BundleSymbol {
  readonly name: string;
  /** Offset in the code. */
  readonly offset: number;
}

export interface BundleContent {
  /** Exactly `textSize` bytes. */
  readonly text: Uint8Array;
  /** Exactly `dofSize` bytes, if there are any. */
  readonly dof?: Uint8Array;
  /** Where each of the plan's exports is. */
  readonly exports: readonly BundleSymbol[];
  /** For debuggers and profilers. */
  readonly symbols?: readonly BundleSymbol[];
  /** At least 16 bytes that depend on the content: the UUID. */
  readonly buildId: Uint8Array;
  /** Names the code in crash reports and denials. ASCII. */
  readonly identifier: string;
}

function cpuOf(arch: Arch): MachOFacts {
  const { systems, macho: cpu } = PROCESSORS[arch];
  if (cpu === undefined || !systems.includes('darwin'))
    throw new RangeError(`no Mach-O bundles are written for ${arch}`);
  return cpu;
}

/** The first release for Apple silicon. dyld applies the rules of the SDK that a file names. */
const MACOS_11 = 0x000b0000;
const LIB_SYSTEM = '/usr/lib/libSystem.B.dylib';
const WORD = 8;
const { VM_PROT_READ, VM_PROT_WRITE, VM_PROT_EXECUTE } = macho;
const READ_EXECUTE = VM_PROT_READ | VM_PROT_EXECUTE;
const READ_WRITE = VM_PROT_READ | VM_PROT_WRITE;
const CODE = (macho.S_REGULAR | macho.S_ATTR_PURE_INSTRUCTIONS | macho.S_ATTR_SOME_INSTRUCTIONS) >>> 0;

/** Lays out a bundle. @throws RangeError for an architecture, sizes, alignments or names that it can't have. */
export function planBundle(plan: BundlePlan): BundleLayout {
  const { page } = cpuOf(plan.arch);
  const dofSize = plan.dofSize ?? 0;
  for (const [name, size] of Object.entries({ textSize: plan.textSize, dataSize: plan.dataSize, dofSize })) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${name} must be a size: ${size}`);
  }
  if (!isPowerOfTwo(plan.textAlign) || plan.textAlign > 4096)
    throw new RangeError(`textAlign must be a power of two up to 4096: ${plan.textAlign}`);
  const names = [...plan.exports, ...plan.imports];
  if (new Set(names).size !== names.length || names.includes(''))
    throw new RangeError('exports and imports must have distinct names');

  const hasData = plan.imports.length > 0 || plan.dataSize > 0;
  const textAddress = alignUp(
    sizes.MACH_HEADER_64 + commandsSize(hasData, dofSize > 0, plan),
    plan.textAlign,
  );
  const dofAddress = alignUp(textAddress + plan.textSize, WORD);
  const textEnd = dofSize > 0 ? dofAddress + dofSize : textAddress + plan.textSize;
  const dataStart = alignUp(textEnd, page);
  const gotSize = plan.imports.length * WORD;
  const text = section('__text', '__TEXT', textAddress, plan.textSize, plan.textAlign, CODE);
  const dof = section('__const', '__TEXT', dofAddress, dofSize, WORD, macho.S_REGULAR);
  const got = section('__got', '__DATA', dataStart, gotSize, WORD, macho.S_REGULAR);
  const bss = {
    ...section('__bss', '__DATA', dataStart + gotSize, plan.dataSize, WORD, macho.S_ZEROFILL),
    offset: 0,
  };

  const segments: Segment64[] = [
    {
      ...{ segname: '__TEXT', vmaddr: 0, vmsize: dataStart, fileoff: 0, filesize: dataStart },
      ...{ maxprot: READ_EXECUTE, initprot: READ_EXECUTE, sections: dofSize > 0 ? [text, dof] : [text] },
    },
  ];
  if (hasData) {
    const filesize = alignUp(gotSize, page);
    const vmsize = alignUp(gotSize + plan.dataSize, page);
    segments.push({
      ...{ segname: '__DATA', vmaddr: dataStart, vmsize, fileoff: dataStart, filesize },
      ...{ maxprot: READ_WRITE, initprot: READ_WRITE },
      sections: [...(gotSize > 0 ? [got] : []), ...(plan.dataSize > 0 ? [bss] : [])],
    });
  }
  return {
    plan,
    textAddress,
    segments,
    get dofAddress() {
      if (dofSize === 0) throw new RangeError('the plan has no DOF document');
      return dofAddress;
    },
    get dataAddress() {
      if (plan.dataSize === 0) throw new RangeError('the plan has no data');
      return dataStart + gotSize;
    },
    gotAddress(name) {
      const index = plan.imports.indexOf(name);
      if (index === -1) throw new RangeError(`${name} is not one of the imports`);
      return dataStart + index * WORD;
    },
  };
}

function section(
  sectname: string,
  segname: string,
  addr: number,
  size: number,
  alignment: number,
  flags: number,
): Section64 {
  return { sectname, segname, addr, size, offset: addr, align: Math.log2(alignment), flags };
}

/** Load commands, in the order in which they are written. */
function commandsSize(hasData: boolean, hasDof: boolean, plan: BundlePlan): number {
  const textSections = hasDof ? 2 : 1;
  const dataSections = (plan.imports.length > 0 ? 1 : 0) + (plan.dataSize > 0 ? 1 : 0);
  const data = hasData ? sizes.SEGMENT_COMMAND_64 + dataSections * sizes.SECTION_64 : 0;
  return (
    2 * sizes.SEGMENT_COMMAND_64 +
    textSections * sizes.SECTION_64 +
    data +
    sizes.DYLD_INFO_COMMAND +
    sizes.SYMTAB_COMMAND +
    sizes.DYSYMTAB_COMMAND +
    sizes.UUID_COMMAND +
    sizes.BUILD_VERSION_COMMAND +
    loadDylibSize(LIB_SYSTEM) +
    sizes.LINKEDIT_DATA_COMMAND
  );
}

/** Writes the bundle. @throws RangeError where content and plan disagree. */
export function writeBundle(layout: BundleLayout, content: BundleContent): Uint8Array {
  const { plan, segments, textAddress } = layout;
  check(layout, content);
  const last = segments.at(-1)!;
  const linkedit = last.fileoff + last.filesize;
  const linkeditAddress = last.vmaddr + last.vmsize;

  const exports = content.exports.map(({ name, offset }) => ({
    name: `_${name}`,
    address: textAddress + offset,
  }));
  const locals = (content.symbols ?? []).map(({ name, offset }) => ({
    name: `_${name}`,
    address: textAddress + offset,
  }));
  const imports = plan.imports.map((name) => ({ name: `_${name}`, address: 0 }));
  const symbols = [...locals, ...exports, ...imports];

  const bind = bindOpcodes(layout);
  const trie = encodeExportTrie(exports);
  const bind_off = linkedit;
  const export_off = alignUp(bind_off + bind.length, WORD);
  const symoff = alignUp(export_off + trie.length, WORD);
  const stroff = symoff + symbols.length * sizes.NLIST_64;
  // A string of one blank comes first, as ld has it: no symbol is at offset 0.
  const strsize = 2 + symbols.reduce((sum, { name }) => sum + cStringLength(name) + 1, 0);
  const dataoff = alignUp(stroff + strsize, SIGNATURE_ALIGN);
  const signatureSize = codeSignatureSize(content.identifier, dataoff);
  const end = dataoff + signatureSize;

  const bytes = new Uint8Array(end);
  const encoder = new MachOEncoder(bytes);
  const all: readonly Segment64[] = [
    ...segments,
    {
      ...{ segname: '__LINKEDIT', vmaddr: linkeditAddress, fileoff: linkedit, filesize: end - linkedit },
      vmsize: alignUp(end - linkedit, cpuOf(plan.arch).page),
      ...{ maxprot: VM_PROT_READ, initprot: VM_PROT_READ, sections: [] },
    },
  ];
  const { cputype, cpusubtype } = cpuOf(plan.arch);
  const noUndefined = plan.imports.length === 0 ? macho.MH_NOUNDEFS : 0;
  encoder.header({
    cputype,
    cpusubtype,
    filetype: macho.MH_BUNDLE,
    ncmds: all.length + 7,
    sizeofcmds: commandsSize(segments.length > 1, (plan.dofSize ?? 0) > 0, plan),
    flags: noUndefined | macho.MH_DYLDLINK | macho.MH_TWOLEVEL,
  });
  for (const segment of all) encoder.segment(segment);
  encoder.dyldInfo({
    bind_off: bind.length > 0 ? bind_off : 0,
    bind_size: bind.length,
    export_off,
    export_size: trie.length,
  });
  encoder.symtab(symoff, symbols.length, stroff, strsize);
  encoder.dysymtab({
    nlocalsym: locals.length,
    nextdefsym: exports.length,
    nundefsym: imports.length,
  });
  encoder.uuid(asUuid(content.buildId));
  encoder.buildVersion(macho.PLATFORM_MACOS, MACOS_11);
  encoder.loadDylib(LIB_SYSTEM);
  encoder.codeSignature(dataoff, signatureSize);

  bytes.set(content.text, textAddress);
  if (content.dof) bytes.set(content.dof, layout.dofAddress);
  bytes.set(bind, bind_off);
  bytes.set(trie, export_off);
  encoder.seek(symoff);
  bytes[stroff] = 0x20;
  let n_strx = 2;
  for (const [index, { name, address }] of symbols.entries()) {
    const defined = index < locals.length + exports.length;
    const external = index >= locals.length;
    encoder.nlist({
      n_strx,
      n_type: (defined ? macho.N_SECT : macho.N_UNDF) | (external ? macho.N_EXT : 0),
      n_sect: defined ? 1 : 0,
      n_desc: defined ? 0 : macho.DYNAMIC_LOOKUP_ORDINAL << 8,
      n_value: address,
    });
    n_strx = writeCString(bytes, stroff + n_strx, name) - stroff;
  }
  bytes.set(
    encodeCodeSignature(bytes.subarray(0, dataoff), content.identifier, segments[0]!.filesize),
    dataoff,
  );
  return bytes;
}

function check({ plan }: BundleLayout, { text, dof, exports, buildId }: BundleContent): void {
  if (text.length !== plan.textSize)
    throw new RangeError(`text has ${text.length} bytes, and ${plan.textSize} were planned`);
  if ((dof?.length ?? 0) !== (plan.dofSize ?? 0))
    throw new RangeError(`dof has ${dof?.length ?? 0} bytes, and ${plan.dofSize ?? 0} were planned`);
  const names = exports.map(({ name }) => name).sort();
  if (names.join() !== [...plan.exports].sort().join())
    throw new RangeError('the exports are not those that were planned');
  if (buildId.length < 16) throw new RangeError(`a UUID takes 16 bytes; the build id has ${buildId.length}`);
}

/** Tells dyld to put the address of each import into its word. */
function bindOpcodes({ plan, segments }: BundleLayout): Uint8Array {
  if (plan.imports.length === 0) return new Uint8Array(0);
  const dataSegment = segments.findIndex(({ segname }) => segname === '__DATA');
  const opcodes: number[] = [
    macho.BIND_OPCODE_SET_DYLIB_SPECIAL_IMM | macho.BIND_SPECIAL_DYLIB_FLAT_LOOKUP,
    macho.BIND_OPCODE_SET_TYPE_IMM | macho.BIND_TYPE_POINTER,
    macho.BIND_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB | dataSegment,
    ...uleb128(0),
  ];
  for (const name of plan.imports) {
    opcodes.push(macho.BIND_OPCODE_SET_SYMBOL_TRAILING_FLAGS_IMM);
    opcodes.push(...new TextEncoder().encode(`_${name}`), 0);
    // Moves on to the next word.
    opcodes.push(macho.BIND_OPCODE_DO_BIND);
  }
  opcodes.push(macho.BIND_OPCODE_DONE);
  return Uint8Array.from(opcodes);
}

/** A hash as a UUID that says of itself that it follows no other rule (RFC 9562, version 8). */
function asUuid(hash: Uint8Array): Uint8Array {
  const uuid = hash.slice(0, 16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x80;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}
