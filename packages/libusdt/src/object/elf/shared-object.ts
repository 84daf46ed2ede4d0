/**
 * A minimal shared object: what a dynamic loader needs to map code, and what debuggers and tracers need to read it.
 *
 * It is written in two steps, because code has to know the addresses around it before it can be assembled:
 * {@link planSharedObject} gives every address, {@link writeSharedObject} takes the code and writes the file.
 *
 *     PT_LOAD R+X   ELF header, program headers, .note.gnu.build-id, .hash, .dynsym, .dynstr, .rela.dyn
 *                   (.rel.dyn on i386), .text, .stapsdt.base, .SUNW_dof
 *     PT_LOAD R+W   .dynamic, .got, .bss
 *     not loaded    .symtab, .strtab, .shstrtab, the note sections, the section headers
 *
 * Who insists on what:
 * - Tracers turn an address into a file offset in various simplified ways. All agree when the executable segment
 *   comes first, starts at offset 0 and has `p_vaddr == p_offset == 0`.
 * - `.dynamic` is writable, since glibc before 2.35 relocates its entries in place.
 * - The hash table is `DT_HASH`: glibc and musl read it, and nothing has to be sorted.
 * - gdb ignores SDT notes in a file without a `.stapsdt.base` section.
 * - bcc looks at notes only in section headers after that of the first executable section, so notes come last.
 * - perf keys its cache by the build-id note.
 * - DTrace's tools know a DOF document by the name of its section. Its addresses are relocated by who it is handed to.
 * - DTrace 2 on Linux would list a probe twice, from DOF and from its SDT note, and a clause that names the module of the
 *   first would never fire. It skips notes whose address maps to file offset 0. So each note that DTrace must not see gets
 *   a program header of type PT_NULL that maps it there. Everybody else ignores PT_NULL.
 *   https://github.com/oracle/dtrace-utils/blob/devel/libdtrace/dt_pid.c (dt_stapsdt_parse)
 * - There is no DT_SONAME (a loader would take two images for one), no DT_NEEDED and no symbol version.
 *
 * The same input gives the same bytes.
 * @module
 */

import type { Deferred, Sequence } from '../../model/sequence.ts';
import type { Arch } from '../../model/target.ts';
import {
  alignUp,
  cString,
  cStringLength,
  isPowerOfTwo,
  LITERAL,
  type Spelling,
  writeCString,
} from '../bytes.ts';
import * as elf from './constants.ts';
import type { Phdr, Shdr } from './encoder.ts';
import { hashTable, hashTableWords } from './hash.ts';
import { MACHINES } from './machines.ts';

export interface SharedObjectPlan {
  readonly arch: Arch;
  /** ELFOSABI_NONE unless told otherwise. */
  readonly osabi?: number;
  /** Bytes of machine code. */
  readonly textSize: number;
  /** Alignment of the first byte of code: a power of two, at most the page size (4096 on x64 and i386, 65536 on arm64). */
  readonly textAlign: number;
  /** Global functions, for `dlsym`. */
  readonly exports: readonly string[];
  /** Undefined functions. Each gets a word, of 8 bytes or in ELF32 4, filled in by the loader with the function's address. */
  readonly imports: readonly string[];
  /** Zero-initialised writable bytes; 0 for none. */
  readonly dataSize: number;
  /** Emit the one-byte section `.stapsdt.base`, which SDT notes refer to. */
  readonly stapsdtBase: boolean;
  /** Bytes of the DOF document in the section `.SUNW_dof`; none unless told otherwise. */
  readonly dofSize?: number;
  /** How many addresses are hidden from dtrace; none unless told otherwise. */
  readonly hiddenCount?: number;
  /** Bytes of the build id; 20, as of a SHA-1, unless told otherwise. */
  readonly buildIdSize?: number;
}

/** Addresses, relative to where the object is loaded, and what {@link writeSharedObject} needs. */
export interface SharedObjectLayout {
  readonly plan: SharedObjectPlan;
  readonly textAddress: number;
  /** Offset of the code in the file: equal to {@link textAddress}. */
  readonly textOffset: number;
  /** Address of the `.stapsdt.base` section. @throws RangeError without one. */
  readonly stapsdtBaseAddress: number;
  /** Address of the DOF document, 8-aligned. The addresses before it do not depend on its size. @throws RangeError without one. */
  readonly dofAddress: number;
  /** Address of the zero-initialised data, 8-aligned. @throws RangeError without any. */
  readonly dataAddress: number;
  /** Bytes that the object takes in memory, from its load address to the end of its last segment. */
  readonly memorySize: number;
  /** Address of the word that holds the address of an imported function. @throws RangeError for another name. */
  gotAddress(name: string): number;
  /** The loaded sections, in the order of their headers; number 1 is the first. */
  readonly sections: readonly LoadedSection[];
}

export interface LoadedSection {
  readonly name: string;
  readonly sh_type: number;
  readonly sh_flags: number;
  readonly sh_addr: number;
  readonly sh_offset: number;
  readonly sh_size: number;
  readonly sh_addralign: number;
  readonly sh_entsize: number;
}

export interface CodeSymbol {
  readonly name: string;
  /** Offset in the code. */
  readonly offset: number;
  readonly size: number;
}

export interface SharedObjectContent {
  /** Exactly `textSize` bytes. */
  readonly text: Uint8Array;
  /** Exactly `dofSize` bytes, if there are any. */
  readonly dof?: Uint8Array;
  /** Exactly `hiddenCount` addresses of SDT notes that dtrace shall not find. */
  readonly hidden?: readonly number[];
  /** Where each of the plan's exports is, in any order. */
  readonly exports: readonly CodeSymbol[];
  /** Local function symbols for `.symtab`: not found by `dlsym`, but shown by debuggers and profilers. */
  readonly symbols?: Sequence<CodeSymbol>;
  /** What the names of all `symbols` begin with. Default: nothing. */
  readonly symbolPrefix?: string;
  /** How the rest of their names is written. Default: as it is. */
  readonly symbolSpelling?: Spelling;
  /** Further note sections, in this order; `.note.stapsdt` has to be the last. */
  readonly notes: readonly { readonly section: string; readonly bytes: Uint8Array | Deferred }[];
  /** Zeros if left out: it may be a hash of all else, and put in with {@link setBuildId}. */
  readonly buildId?: Uint8Array;
}

/** Zeroed bytes, so many, for the file to be written into. */
export type Allocate = (size: number) => Uint8Array;

const SEGMENTS = 5;
/** PN_XNUM means that the number is elsewhere. */
const MOST_SEGMENTS = 0xfffe;
/** As of a SHA-1, which tools expect. */
export const BUILD_ID_SIZE = 20;
const GNU_OWNER = 'GNU';
/** As dtrace -G names it: https://github.com/oracle/dtrace-utils/blob/devel/libdtrace/dt_link.c */
const DOF_SECTION = '.SUNW_dof';

/** Lays out a shared object. @throws RangeError for sizes, alignments or names that an ELF file cannot have. */
export function planSharedObject(plan: SharedObjectPlan): SharedObjectLayout {
  const { maxPageSize, relocations, encoder } = MACHINES[plan.arch];
  const { sizes } = encoder;
  const { word } = sizes;
  const buildIdSize = plan.buildIdSize ?? BUILD_ID_SIZE;
  checkSize('textSize', plan.textSize);
  checkSize('dataSize', plan.dataSize);
  checkSize('dofSize', plan.dofSize ?? 0);
  const segments = segmentCount(plan);
  if (segments > MOST_SEGMENTS) throw new RangeError(`${segments} program headers, ${MOST_SEGMENTS} at most`);
  checkSize('buildIdSize', buildIdSize);
  if (!isPowerOfTwo(plan.textAlign) || plan.textAlign > maxPageSize) {
    throw new RangeError(`textAlign must be a power of two up to ${maxPageSize}: ${plan.textAlign}`);
  }
  const names = [...plan.exports, ...plan.imports];
  if (new Set(names).size !== names.length)
    throw new RangeError('exports and imports must have distinct names');
  if (names.includes('')) throw new RangeError('a dynamic symbol must have a name');

  const sections: LoadedSection[] = [];
  const imports = plan.imports.length;
  const symbolCount = names.length + 1;
  let offset = sizes.ehdr + segments * sizes.phdr;
  let bias = 0;
  const place = (name: string, type: number, flags: number, size: number, align: number, entsize = 0) => {
    offset = alignUp(offset, align);
    const section = {
      name,
      sh_type: type,
      sh_flags: elf.SHF_ALLOC | flags,
      sh_addr: offset + bias,
      sh_offset: offset,
      sh_size: size,
      sh_addralign: align,
      sh_entsize: entsize,
    };
    sections.push(section);
    if (type !== elf.SHT_NOBITS) offset += size;
    return section;
  };

  place('.note.gnu.build-id', elf.SHT_NOTE, 0, sizes.nhdr + 4 + alignUp(buildIdSize, 4), 4);
  place('.hash', elf.SHT_HASH, 0, hashTableWords(symbolCount) * 4, word, 4);
  place('.dynsym', elf.SHT_DYNSYM, 0, symbolCount * sizes.sym, word, sizes.sym);
  place('.dynstr', elf.SHT_STRTAB, 0, stringTableSize(names), 1);
  if (imports > 0) {
    const entsize = sizes[relocations.structure];
    place(relocations.section, relocations.sh_type, 0, imports * entsize, word, entsize);
  }
  const text = place('.text', elf.SHT_PROGBITS, elf.SHF_EXECINSTR, plan.textSize, plan.textAlign);
  const base = plan.stapsdtBase ? place('.stapsdt.base', elf.SHT_PROGBITS, 0, 1, 1) : undefined;
  const dof = plan.dofSize ? place(DOF_SECTION, elf.SHT_PROGBITS, 0, plan.dofSize, 8) : undefined;

  // The writable segment goes on where the file is, at the same place of the next free page: no padding in the file.
  offset = alignUp(offset, 8);
  bias = alignUp(offset, maxPageSize) + (offset % maxPageSize) - offset;
  const dynamicEntries = (imports > 0 ? 3 : 0) + 7;
  place('.dynamic', elf.SHT_DYNAMIC, elf.SHF_WRITE, dynamicEntries * sizes.dyn, word, sizes.dyn);
  const got =
    imports > 0 ? place('.got', elf.SHT_PROGBITS, elf.SHF_WRITE, imports * word, word, word) : undefined;
  const data = plan.dataSize > 0 ? place('.bss', elf.SHT_NOBITS, elf.SHF_WRITE, plan.dataSize, 8) : undefined;

  const last = sections[sections.length - 1]!;
  const gotIndex = new Map(plan.imports.map((name, index) => [name, index]));
  return {
    plan,
    textAddress: text.sh_addr,
    textOffset: text.sh_offset,
    get stapsdtBaseAddress() {
      if (base === undefined) throw new RangeError('this object was planned without .stapsdt.base');
      return base.sh_addr;
    },
    get dofAddress() {
      if (dof === undefined) throw new RangeError('this object was planned without DOF');
      return dof.sh_addr;
    },
    get dataAddress() {
      if (data === undefined) throw new RangeError('this object was planned without data');
      return data.sh_addr;
    },
    memorySize: last.sh_addr + last.sh_size,
    gotAddress(name) {
      const index = gotIndex.get(name);
      if (index === undefined || got === undefined)
        throw new RangeError(`not an import of this object: ${name}`);
      return got.sh_addr + index * word;
    },
    sections,
  };
}

/**
 * Writes the file that was laid out.
 * @throws RangeError when the contents are not what was planned.
 */
export function writeSharedObject(
  layout: SharedObjectLayout,
  content: SharedObjectContent,
  allocate: Allocate = (size) => new Uint8Array(size),
): Uint8Array {
  const { plan } = layout;
  const { e_machine, e_flags, relocations, encoder } = MACHINES[plan.arch];
  const { sizes } = encoder;
  checkContent(plan, content);
  const exportsByName = new Map(content.exports.map((symbol) => [symbol.name, symbol]));
  const locals = content.symbols ?? [];
  // A tool that finds .symtab may not look at .dynsym: repeat the exports there.
  const debugSymbols: readonly (readonly [prefix: string, Spelling, symbols: Sequence<CodeSymbol>])[] =
    locals.length > 0
      ? [
          [content.symbolPrefix ?? '', content.symbolSpelling ?? LITERAL, locals],
          ['', LITERAL, content.exports],
        ]
      : [];

  const headers: Shdr[] = [];
  const names: string[] = [];
  const number = (name: string) => layout.sections.findIndex((section) => section.name === name) + 1;
  const addHeader = (name: string, header: Omit<Shdr, 'sh_name'>) => {
    headers.push({ ...header, sh_name: 0 });
    names.push(name);
    return header.sh_offset as number;
  };
  const links: Record<string, readonly [link: number, info: number]> = {
    '.hash': [number('.dynsym'), 0],
    '.dynsym': [number('.dynstr'), 1],
    [relocations.section]: [number('.dynsym'), 0],
    '.dynamic': [number('.dynstr'), 0],
  };
  for (const { name, ...section } of layout.sections) {
    const [sh_link, sh_info] = links[name] ?? [0, 0];
    addHeader(name, { ...section, sh_link, sh_info });
  }

  let end = fileEnd(layout.sections);
  const append = (
    name: string,
    type: number,
    size: number,
    align: number,
    link = 0,
    info = 0,
    entsize = 0,
  ) => {
    const sh_offset = alignUp(end, align);
    end = sh_offset + size;
    return addHeader(name, {
      sh_type: type,
      sh_flags: 0,
      sh_addr: 0,
      sh_offset,
      sh_size: size,
      sh_link: link,
      sh_info: info,
      sh_addralign: align,
      sh_entsize: entsize,
    });
  };
  let symtab = 0;
  let strtab = 0;
  if (debugSymbols.length > 0) {
    const size = (locals.length + content.exports.length + 1) * sizes.sym;
    let names = 1;
    for (const group of debugSymbols) names += namesSize(...group);
    symtab = append(
      '.symtab',
      elf.SHT_SYMTAB,
      size,
      sizes.word,
      headers.length + 2,
      locals.length + 1,
      sizes.sym,
    );
    strtab = append('.strtab', elf.SHT_STRTAB, names, 1);
  }
  const sectionNames = [...names, '.shstrtab', ...content.notes.map((note) => note.section)];
  const shstrtab = append('.shstrtab', elf.SHT_STRTAB, stringTableSize(sectionNames), 1);
  const e_shstrndx = headers.length;
  const notes = content.notes.map(({ section, bytes }) => append(section, elf.SHT_NOTE, bytes.length, 4));
  const e_shoff = alignUp(end, sizes.word);

  const bytes = allocate(e_shoff + (headers.length + 1) * sizes.shdr);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  encoder.ehdr(view, 0, {
    e_type: elf.ET_DYN,
    e_machine,
    e_flags,
    ei_osabi: plan.osabi ?? elf.ELFOSABI_NONE,
    e_phoff: sizes.ehdr,
    e_shoff,
    e_phnum: segmentCount(plan),
    e_shnum: headers.length + 1,
    e_shstrndx,
  });
  writeSegments(view, layout, content.hidden ?? []);
  writeLoadedTables(bytes, view, layout, exportsByName);
  setBuildId(layout, bytes, content.buildId ?? new Uint8Array(plan.buildIdSize ?? BUILD_ID_SIZE));
  bytes.set(content.text, layout.textOffset);
  if (content.dof) bytes.set(content.dof, find(layout, DOF_SECTION).sh_offset);

  if (debugSymbols.length > 0) {
    const row = new Uint8Array(sizes.sym);
    let at = symtab + sizes.sym;
    let name = strtab + 1;
    for (const [prefix, spelling, symbols] of debugSymbols) {
      encoder.sym(new DataView(row.buffer), 0, {
        st_name: 0,
        st_bind: symbols === locals ? elf.STB_LOCAL : elf.STB_GLOBAL,
        st_type: elf.STT_FUNC,
        st_other: elf.STV_DEFAULT,
        st_shndx: number('.text'),
        st_value: 0,
        st_size: 0,
      });
      const beginning = cString(prefix).subarray(0, -1);
      for (let i = 0; i < symbols.length; i++) {
        const symbol = symbols.at(i)!;
        checkPlace(plan, symbol);
        bytes.set(row, at);
        encoder.symPlace(view, at, name - strtab, layout.textAddress + symbol.offset, symbol.size);
        at += row.length;
        bytes.set(beginning, name);
        name = spelling.write(bytes, name + beginning.length, symbol.name);
      }
    }
  }
  notes.forEach((offset, index) => {
    const { bytes: note } = content.notes[index]!;
    if ('write' in note) note.write(bytes.subarray(offset, offset + note.length));
    else bytes.set(note, offset);
  });

  let name = shstrtab + 1;
  let at = e_shoff + sizes.shdr;
  headers.forEach((header, index) => {
    at = encoder.shdr(view, at, { ...header, sh_name: name - shstrtab });
    name = writeCString(bytes, name, sectionNames[index]!);
  });
  return bytes;
}

function segmentCount({ hiddenCount = 0 }: SharedObjectPlan): number {
  return SEGMENTS + hiddenCount;
}

function writeSegments(view: DataView, layout: SharedObjectLayout, hidden: readonly number[]): void {
  const { maxPageSize, encoder } = MACHINES[layout.plan.arch];
  const dynamic = find(layout, '.dynamic');
  const buildId = find(layout, '.note.gnu.build-id');
  const last = layout.sections[layout.sections.indexOf(dynamic) - 1]!;
  const code = last.sh_offset + last.sh_size;
  const load = { p_type: elf.PT_LOAD, p_align: maxPageSize };
  const segments: Phdr[] = [
    { ...load, p_flags: elf.PF_R | elf.PF_X, p_offset: 0, p_vaddr: 0, p_filesz: code, p_memsz: code },
    {
      ...load,
      p_flags: elf.PF_R | elf.PF_W,
      p_offset: dynamic.sh_offset,
      p_vaddr: dynamic.sh_addr,
      p_filesz: fileEnd(layout.sections) - dynamic.sh_offset,
      p_memsz: layout.memorySize - dynamic.sh_addr,
    },
    segmentOf(dynamic, elf.PT_DYNAMIC, elf.PF_R | elf.PF_W),
    segmentOf(buildId, elf.PT_NOTE, elf.PF_R),
    {
      p_type: elf.PT_GNU_STACK,
      p_flags: elf.PF_R | elf.PF_W,
      p_offset: 0,
      p_vaddr: 0,
      p_filesz: 0,
      p_memsz: 0,
      p_align: 16,
    },
    // At file offset 0.
    ...hidden.map((p_vaddr) => ({ ...NOTHING, p_vaddr, p_memsz: 1 })),
  ];
  let at = encoder.sizes.ehdr;
  for (const segment of segments) at = encoder.phdr(view, at, segment);
}

const NOTHING: Phdr = {
  p_type: elf.PT_NULL,
  p_flags: 0,
  p_offset: 0,
  p_vaddr: 0,
  p_filesz: 0,
  p_memsz: 0,
  p_align: 1,
};

function segmentOf(section: LoadedSection, p_type: number, p_flags: number): Phdr {
  return {
    p_type,
    p_flags,
    p_offset: section.sh_offset,
    p_vaddr: section.sh_addr,
    p_filesz: section.sh_size,
    p_memsz: section.sh_size,
    p_align: section.sh_addralign,
  };
}

/** .hash, .dynsym, .dynstr, the relocations and .dynamic: what the dynamic loader reads. */
function writeLoadedTables(
  bytes: Uint8Array,
  view: DataView,
  layout: SharedObjectLayout,
  exportsByName: ReadonlyMap<string, CodeSymbol>,
): void {
  const { plan, sections } = layout;
  const { relocations, globDat, encoder } = MACHINES[plan.arch];
  const { sizes } = encoder;
  const dynstr = find(layout, '.dynstr');
  const dynsym = find(layout, '.dynsym');
  const hash = find(layout, '.hash');
  const names = [...plan.exports, ...plan.imports];
  const textIndex = sections.findIndex((section) => section.name === '.text') + 1;

  let at = hash.sh_offset;
  for (const word of hashTable(names)) at = encoder.word32(view, at, word);

  at = dynsym.sh_offset + sizes.sym;
  let name = dynstr.sh_offset + 1;
  for (const symbolName of names) {
    const defined = exportsByName.get(symbolName);
    at = encoder.sym(view, at, {
      st_name: name - dynstr.sh_offset,
      st_bind: elf.STB_GLOBAL,
      st_type: elf.STT_FUNC,
      st_other: elf.STV_DEFAULT,
      st_shndx: defined ? textIndex : elf.SHN_UNDEF,
      st_value: defined ? layout.textAddress + defined.offset : 0,
      st_size: defined ? defined.size : 0,
    });
    name = writeCString(bytes, name, symbolName);
  }

  const dynamic: [d_tag: number, d_un: number][] = [
    [elf.DT_HASH, hash.sh_addr],
    [elf.DT_STRTAB, dynstr.sh_addr],
    [elf.DT_SYMTAB, dynsym.sh_addr],
    [elf.DT_STRSZ, dynstr.sh_size],
    [elf.DT_SYMENT, sizes.sym],
  ];
  if (plan.imports.length > 0) {
    const { structure, tags } = relocations;
    const { sh_addr, sh_offset, sh_size, sh_entsize } = find(layout, relocations.section);
    dynamic.push([tags[0], sh_addr], [tags[1], sh_size], [tags[2], sh_entsize]);
    at = sh_offset;
    plan.imports.forEach((symbol, index) => {
      at = encoder[structure](view, at, {
        r_offset: layout.gotAddress(symbol),
        r_sym: 1 + plan.exports.length + index,
        r_type: globDat,
        r_addend: 0,
      });
    });
  }
  dynamic.push([elf.DT_FLAGS, elf.DF_BIND_NOW], [elf.DT_NULL, 0]);
  at = find(layout, '.dynamic').sh_offset;
  for (const [d_tag, d_un] of dynamic) at = encoder.dyn(view, at, { d_tag, d_un });
}

/**
 * Puts the build id into a file that {@link writeSharedObject} wrote.
 * @throws RangeError when it has another length than planned.
 */
export function setBuildId(layout: SharedObjectLayout, bytes: Uint8Array, buildId: Uint8Array): void {
  const planned = layout.plan.buildIdSize ?? BUILD_ID_SIZE;
  const { encoder } = MACHINES[layout.plan.arch];
  if (buildId.length !== planned) {
    throw new RangeError(`the build id has ${buildId.length} bytes, planned were ${planned}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = { n_namesz: GNU_OWNER.length + 1, n_descsz: buildId.length, n_type: elf.NT_GNU_BUILD_ID };
  const at = encoder.nhdr(view, find(layout, '.note.gnu.build-id').sh_offset, header);
  bytes.set(buildId, writeCString(bytes, at, GNU_OWNER));
}

function checkContent(plan: SharedObjectPlan, content: SharedObjectContent): void {
  if (content.text.length !== plan.textSize) {
    throw new RangeError(`text has ${content.text.length} bytes, planned were ${plan.textSize}`);
  }
  const dofSize = plan.dofSize ?? 0;
  if ((content.dof?.length ?? 0) !== dofSize) {
    throw new RangeError(`DOF has ${content.dof?.length ?? 0} bytes, planned were ${dofSize}`);
  }
  const hiddenCount = plan.hiddenCount ?? 0;
  if ((content.hidden?.length ?? 0) !== hiddenCount) {
    throw new RangeError(`${content.hidden?.length ?? 0} addresses are hidden, planned were ${hiddenCount}`);
  }
  const planned = new Set(plan.exports);
  for (const { name } of content.exports) {
    if (!planned.delete(name)) throw new RangeError(`an export that was not planned, or twice: ${name}`);
  }
  for (const name of planned) throw new RangeError(`a planned export is missing: ${name}`);
  for (const symbol of content.exports) checkPlace(plan, symbol);
  const stapsdt = content.notes.findIndex((note) => note.section === '.note.stapsdt');
  if (stapsdt !== -1 && stapsdt !== content.notes.length - 1) {
    throw new RangeError('.note.stapsdt must be the last of the notes');
  }
}

function checkPlace({ textSize }: SharedObjectPlan, { name, offset, size }: CodeSymbol): void {
  if (!(offset >= 0 && size >= 0 && offset + size <= textSize))
    throw new RangeError(`symbol ${name} is outside the text: offset ${offset}, size ${size}`);
}

function find(layout: SharedObjectLayout, name: string): LoadedSection {
  const section = layout.sections.find((candidate) => candidate.name === name);
  if (section === undefined) throw new RangeError(`this object was planned without ${name}`);
  return section;
}

/** Where the loaded part of the file ends. */
function fileEnd(sections: readonly LoadedSection[]): number {
  const last = sections[sections.length - 1]!;
  return last.sh_type === elf.SHT_NOBITS ? last.sh_offset : last.sh_offset + last.sh_size;
}

function stringTableSize(names: readonly string[]): number {
  let size = 1;
  for (const name of names) size += cStringLength(name) + 1;
  return size;
}

/** Bytes of the symbols' names, each with its NUL. */
function namesSize(prefix: string, spelling: Spelling, symbols: Sequence<CodeSymbol>): number {
  let size = (cStringLength(prefix) + 1) * symbols.length;
  for (let i = 0; i < symbols.length; i++) size += spelling.length(symbols.at(i)!.name);
  return size;
}

function checkSize(what: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0 && value <= 0x7fffffff)) {
    throw new RangeError(`${what} must be an integer from 0 to 2^31-1: ${value}`);
  }
}
