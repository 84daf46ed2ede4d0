/** What the dynamic loader reads: .hash, .dynsym, .dynstr, the relocations and .dynamic. */

import { writeCString } from '../bytes.ts';
import type { PlacedSymbol, Pointer } from '../section.ts';
import * as elf from './constants.ts';
import type { Rela, Sym } from './encoder.ts';
import { hashTable } from './hash.ts';
import { MACHINES } from './machines.ts';
import { findSection, relocationsOf, type SharedObjectLayout } from './plan.ts';
import { definedSymbol } from './symbols.ts';

export function writeDynamic(
  bytes: Uint8Array,
  view: DataView,
  layout: SharedObjectLayout,
  exports: readonly PlacedSymbol[],
  pointers: readonly Pointer[],
): void {
  writeSymbols(bytes, view, layout, exports);
  writeRelocations(view, layout, pointers);
  writeEntries(view, layout);
}

function writeSymbols(
  bytes: Uint8Array,
  view: DataView,
  layout: SharedObjectLayout,
  exports: readonly PlacedSymbol[],
): void {
  const { plan, sections } = layout;
  const { encoder } = MACHINES[plan.arch];
  const names = [...plan.exports, ...plan.imports];
  const byName = new Map(exports.map((symbol) => [symbol.name, symbol]));

  let at = findSection(sections, '.hash').sh_offset;
  for (const word of hashTable(names)) at = encoder.word32(view, at, word);

  const strings = findSection(sections, '.dynstr').sh_offset;
  at = findSection(sections, '.dynsym').sh_offset + encoder.sizes.sym;
  let name = strings + 1;
  for (const symbolName of names) {
    const defined = byName.get(symbolName);
    const st_name = name - strings;
    at = encoder.sym(view, at, defined ? definedSymbol(layout, defined, st_name) : { ...UNDEFINED, st_name });
    name = writeCString(bytes, name, symbolName);
  }
}

/** An import. */
const UNDEFINED: Omit<Sym, 'st_name'> = {
  st_bind: elf.STB_GLOBAL,
  st_type: elf.STT_FUNC,
  st_other: elf.STV_DEFAULT,
  st_shndx: elf.SHN_UNDEF,
  st_value: 0,
  st_size: 0,
};

/** The object's own addresses first, as linkers sort them; then those of imported functions. */
function writeRelocations(view: DataView, layout: SharedObjectLayout, pointers: readonly Pointer[]): void {
  const { plan, sections } = layout;
  if (relocationsOf(plan) === 0) return;
  const { relocations, relative, globDat, encoder } = MACHINES[plan.arch];
  let at = findSection(sections, relocations.section).sh_offset;
  const put = (relocation: Rela): void => {
    at = encoder[relocations.structure](view, at, relocation);
  };
  for (const { section, offset, target } of pointers) {
    const { sh_addr, sh_offset } = findSection(sections, section);
    put({ r_offset: sh_addr + offset, r_sym: 0, r_type: relative, r_addend: target });
    // REL has its addends here. RELA's loaders do not look, but whoever reads the file without a loader does.
    encoder.word(view, sh_offset + offset, target);
  }
  plan.imports.forEach((symbol, index) => {
    const r_sym = 1 + plan.exports.length + index;
    put({ r_offset: layout.gotAddress(symbol), r_sym, r_type: globDat, r_addend: 0 });
  });
}

function writeEntries(view: DataView, { plan, sections }: SharedObjectLayout): void {
  const { relocations, encoder } = MACHINES[plan.arch];
  const strings = findSection(sections, '.dynstr');
  const dynamic: [d_tag: number, d_un: number][] = [
    [elf.DT_HASH, findSection(sections, '.hash').sh_addr],
    [elf.DT_STRTAB, strings.sh_addr],
    [elf.DT_SYMTAB, findSection(sections, '.dynsym').sh_addr],
    [elf.DT_STRSZ, strings.sh_size],
    [elf.DT_SYMENT, encoder.sizes.sym],
  ];
  if (relocationsOf(plan) > 0) {
    const { sh_addr, sh_size, sh_entsize } = findSection(sections, relocations.section);
    const [address, size, entsize] = relocations.tags;
    dynamic.push([address, sh_addr], [size, sh_size], [entsize, sh_entsize]);
  }
  dynamic.push([elf.DT_FLAGS, elf.DF_BIND_NOW], [elf.DT_NULL, 0]);
  let at = findSection(sections, '.dynamic').sh_offset;
  for (const [d_tag, d_un] of dynamic) at = encoder.dyn(view, at, { d_tag, d_un });
}
