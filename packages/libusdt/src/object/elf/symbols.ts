/** The symbol table for debuggers and profilers, .symtab and .strtab: written without an object per symbol. */

import { cString, cStringLength, UNCHANGED, writeCString } from '../bytes.ts';
import { checkSymbol, type LocalSymbols, type PlacedSymbol } from '../section.ts';
import * as elf from './constants.ts';
import type { Sym } from './encoder.ts';
import { MACHINES } from './machines.ts';
import { findSection, type SharedObjectLayout, sectionIndex } from './plan.ts';

/** Local symbols come first, as the specification wants it. */
export interface SymbolTable {
  readonly locals: LocalSymbols;
  /** A tool that finds .symtab may not look at .dynsym, so the exports are here too. */
  readonly exports: readonly PlacedSymbol[];
}

/** Symbols in the table, the null symbol included. */
export function symbolCount({ locals, exports }: SymbolTable): number {
  return 1 + locals.list.length + exports.length;
}

/** Bytes of all names, each with its NUL. */
export function symbolNamesSize({ locals, exports }: SymbolTable): number {
  const { list, prefix = '', encoding = UNCHANGED } = locals;
  let size = 1 + (cStringLength(prefix) + 1) * list.length;
  for (const { name } of exports) size += cStringLength(name) + 1;
  for (let i = 0; i < list.length; i++) size += encoding.length(list.at(i)!.name);
  return size;
}

/**
 * @param symtab where the table is in the file.
 * @param strtab where the names are.
 * @throws RangeError for a symbol that is outside of its section.
 */
export function writeSymbolTable(
  bytes: Uint8Array,
  view: DataView,
  layout: SharedObjectLayout,
  { locals, exports }: SymbolTable,
  symtab: number,
  strtab: number,
): void {
  const { encoder } = MACHINES[layout.plan.arch];
  const { list, section, prefix = '', encoding = UNCHANGED } = locals;
  const { sh_addr, sh_size } = findSection(layout.sections, section);
  // What all have in common.
  const row = new Uint8Array(encoder.sizes.sym);
  encoder.sym(new DataView(row.buffer), 0, {
    st_name: 0,
    st_bind: elf.STB_LOCAL,
    st_type: symbolType(layout, section),
    st_other: elf.STV_DEFAULT,
    st_shndx: sectionIndex(layout, section),
    st_value: 0,
    st_size: 0,
  });
  const beginning = cString(prefix).subarray(0, -1);
  let at = symtab + row.length;
  let name = strtab + 1;
  for (let i = 0; i < list.length; i++) {
    const symbol = list.at(i)!;
    checkSymbol(symbol, section, sh_size);
    bytes.set(row, at);
    encoder.symPlace(view, at, name - strtab, sh_addr + symbol.offset, symbol.size);
    at += row.length;
    bytes.set(beginning, name);
    name = encoding.write(bytes, name + beginning.length, symbol.name);
  }
  for (const symbol of exports) {
    at = encoder.sym(view, at, definedSymbol(layout, symbol, name - strtab));
    name = writeCString(bytes, name, symbol.name);
  }
}

/** An exported symbol, as it is in both tables. */
export function definedSymbol(layout: SharedObjectLayout, symbol: PlacedSymbol, st_name: number): Sym {
  return {
    st_name,
    st_bind: elf.STB_GLOBAL,
    st_type: symbolType(layout, symbol.section),
    st_other: elf.STV_DEFAULT,
    st_shndx: sectionIndex(layout, symbol.section),
    st_value: layout.address(symbol.section) + symbol.offset,
    st_size: symbol.size,
  };
}

/** What is in code is a function. */
function symbolType(layout: SharedObjectLayout, section: string): number {
  const { sh_flags } = findSection(layout.sections, section);
  return sh_flags & elf.SHF_EXECINSTR ? elf.STT_FUNC : elf.STT_OBJECT;
}
