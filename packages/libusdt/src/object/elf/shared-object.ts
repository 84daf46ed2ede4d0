/**
 * A minimal shared object: what a dynamic loader needs to map the given sections, and what debuggers and tracers need to
 * read them.
 *
 * It is written in two steps, because code has to know the addresses around it before it can be assembled:
 * {@link planSharedObject} (plan.ts) gives every address, {@link writeSharedObject} takes the contents and writes the file.
 *
 *     PT_LOAD R+X   ELF header, program headers, .note.gnu.build-id, .hash, .dynsym, .dynstr, .rela.dyn
 *                   (.rel.dyn on i386), the given sections that are never written to
 *     PT_LOAD R+W   .dynamic, .got, the given sections that may be written to
 *     not loaded    .symtab, .strtab, .shstrtab, further given sections, the section headers
 *
 * Who insists on what:
 * - Tracers turn an address into a file offset in various simplified ways. All agree when the executable segment
 *   comes first, starts at offset 0 and has `p_vaddr == p_offset == 0`.
 * - `.dynamic` is writable, since glibc before 2.35 relocates its entries in place.
 * - The hash table is `DT_HASH`: glibc and musl read it, and nothing has to be sorted.
 * - bcc looks at notes only in section headers after that of the first executable section, so what is not loaded comes last.
 * - perf keys its cache by the build-id note.
 * - There is no DT_SONAME (a loader would take two images for one), no DT_NEEDED and no symbol version.
 *
 * The same input gives the same bytes.
 */

import { alignUp, writeCString } from '../bytes.ts';
import {
  checkCount,
  checkExports,
  checkLength,
  checkPointer,
  checkSymbol,
  type LocalSymbols,
  type PlacedSymbol,
  type Pointer,
  type SectionContents,
  type SectionWriter,
} from '../section.ts';
import * as elf from './constants.ts';
import { writeDynamic } from './dynamic.ts';
import type { Phdr } from './encoder.ts';
import { MACHINES } from './machines.ts';
import {
  BUILD_ID_SIZE,
  findSection,
  isWritable,
  type PlannedSection,
  type SharedObjectLayout,
  segmentCount,
} from './plan.ts';
import { SectionTable } from './section-table.ts';
import { writeSegments } from './segments.ts';
import { symbolCount, symbolNamesSize, writeSymbolTable } from './symbols.ts';

export interface SharedObjectContent {
  /** Of the plan's sections. Each has exactly the size that was planned. */
  readonly sections: SectionContents;
  /** Where each of the plan's exports is, in any order. */
  readonly exports: readonly PlacedSymbol[];
  /** As many as were planned. */
  readonly pointers?: readonly Pointer[];
  /** As many program headers as were planned; they come last. */
  readonly headers?: readonly Phdr[];
  /** Symbols for `.symtab`: not found by `dlsym`, but shown by debuggers and profilers. */
  readonly symbols?: LocalSymbols;
  /** Sections that are not loaded, in this order. */
  readonly unloaded?: readonly UnloadedSection[];
  /** BUILD_ID_SIZE bytes. Zeros if left out: it may be a hash of all else, and put in with {@link setBuildId}. */
  readonly buildId?: Uint8Array;
}

export interface UnloadedSection {
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** A power of two. */
  readonly align: number;
  readonly bytes: Uint8Array | SectionWriter;
}

/** Zeroed bytes, so many, for the file to be written into. */
export type Allocate = (size: number) => Uint8Array;

const GNU_OWNER = 'GNU';

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
  const { e_machine, e_flags, encoder } = MACHINES[plan.arch];
  const { sizes } = encoder;
  checkContent(layout, content);
  const { symbols, exports, pointers = [], headers = [], unloaded = [] } = content;

  const table = new SectionTable(layout);
  const symbolTable = symbols && symbols.list.length > 0 ? { locals: symbols, exports } : undefined;
  let symtab = 0;
  let strtab = 0;
  if (symbolTable) {
    symtab = table.append('.symtab', elf.SHT_SYMTAB, symbolCount(symbolTable) * sizes.sym, sizes.word, {
      sh_link: table.count + 2,
      sh_info: symbolTable.locals.list.length + 1,
      sh_entsize: sizes.sym,
    });
    strtab = table.append('.strtab', elf.SHT_STRTAB, symbolNamesSize(symbolTable), 1);
  }
  const e_shstrndx = table.count + 1;
  const shstrtab = table.appendNames(unloaded.map(({ name }) => name));
  const offsets = unloaded.map(({ name, type, align, bytes }) =>
    table.append(name, type, bytes.length, align),
  );
  const e_shoff = alignUp(table.end, sizes.word);

  const bytes = allocate(e_shoff + (table.count + 1) * sizes.shdr);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  encoder.ehdr(view, 0, {
    e_type: elf.ET_DYN,
    e_machine,
    e_flags,
    ei_osabi: plan.osabi ?? elf.ELFOSABI_NONE,
    e_phoff: sizes.ehdr,
    e_shoff,
    e_phnum: segmentCount(plan),
    e_shnum: table.count + 1,
    e_shstrndx,
  });
  writeSegments(view, layout, headers);
  setBuildId(layout, bytes, content.buildId ?? new Uint8Array(BUILD_ID_SIZE));
  for (const [name, part] of Object.entries(content.sections)) {
    bytes.set(part, findSection(layout.sections, name).sh_offset);
  }
  writeDynamic(bytes, view, layout, exports, pointers);
  if (symbolTable) writeSymbolTable(bytes, view, layout, symbolTable, symtab, strtab);
  for (const [index, { bytes: part }] of unloaded.entries()) {
    const offset = offsets[index]!;
    if ('write' in part) part.write(bytes.subarray(offset, offset + part.length));
    else bytes.set(part, offset);
  }
  table.write(bytes, view, e_shoff, shstrtab);
  return bytes;
}

/**
 * Puts the build id into a file that {@link writeSharedObject} wrote.
 * @throws RangeError when it does not have BUILD_ID_SIZE bytes.
 */
export function setBuildId(layout: SharedObjectLayout, bytes: Uint8Array, buildId: Uint8Array): void {
  checkLength('the build id', buildId, BUILD_ID_SIZE);
  const { encoder } = MACHINES[layout.plan.arch];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = { n_namesz: GNU_OWNER.length + 1, n_descsz: buildId.length, n_type: elf.NT_GNU_BUILD_ID };
  const at = encoder.nhdr(view, findSection(layout.sections, '.note.gnu.build-id').sh_offset, header);
  bytes.set(buildId, writeCString(bytes, at, GNU_OWNER));
}

function checkContent(layout: SharedObjectLayout, content: SharedObjectContent): void {
  const { plan } = layout;
  const planned = new Map(plan.sections.map((section) => [section.name, section]));
  const sectionOf = (name: string): PlannedSection => {
    const section = planned.get(name);
    if (section === undefined) throw new RangeError(`this object was planned without ${name}`);
    return section;
  };
  for (const [name, bytes] of Object.entries(content.sections)) {
    const { type, size } = sectionOf(name);
    if (type === elf.SHT_NOBITS) throw new RangeError(`${name} was planned to be of zeros`);
    checkLength(name, bytes, size);
  }
  checkExports(plan.exports, content.exports);
  for (const symbol of content.exports) checkSymbol(symbol, symbol.section, sectionOf(symbol.section).size);
  checkCount('program headers', content.headers?.length ?? 0, plan.extraHeaders ?? 0);
  checkCount('pointers', content.pointers?.length ?? 0, plan.pointerCount ?? 0);
  const { word } = MACHINES[plan.arch].encoder.sizes;
  for (const pointer of content.pointers ?? []) {
    const { type, flags, size } = sectionOf(pointer.section);
    checkPointer(pointer, isWritable(flags) && type !== elf.SHT_NOBITS, size, word);
  }
}
