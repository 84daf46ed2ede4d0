/**
 * ELF on-disk structures, one method each, and nothing else: no state, no layout, no section contents.
 *
 * A structure's fields have the names of the specification. ELF32 and ELF64 order some of them differently (Sym,
 * Phdr) and the four kinds of file differ in word size and byte order; that knowledge lives here, so that a layout
 * is written once. Every method returns the offset after what it wrote.
 *
 * Addresses, offsets and sizes are numbers up to 2^53, or bigints where a full 64-bit word may occur.
 */

import {
  EI_NIDENT,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  ELFOSABI_NONE,
  type ElfFormat,
  EV_CURRENT,
} from './constants.ts';

/** An address, offset or size: 4 bytes in ELF32, 8 in ELF64. */
export type ElfWord = number | bigint;

export interface Ehdr {
  /** ELFOSABI_NONE unless told otherwise. */
  readonly ei_osabi?: number;
  readonly e_type: number;
  readonly e_machine: number;
  readonly e_entry?: ElfWord;
  readonly e_phoff: ElfWord;
  readonly e_shoff: ElfWord;
  readonly e_flags?: number;
  readonly e_phnum: number;
  readonly e_shnum: number;
  readonly e_shstrndx: number;
}

export interface Phdr {
  readonly p_type: number;
  readonly p_flags: number;
  readonly p_offset: ElfWord;
  readonly p_vaddr: ElfWord;
  readonly p_filesz: ElfWord;
  readonly p_memsz: ElfWord;
  readonly p_align: ElfWord;
}

export interface Shdr {
  readonly sh_name: number;
  readonly sh_type: number;
  readonly sh_flags: ElfWord;
  readonly sh_addr: ElfWord;
  readonly sh_offset: ElfWord;
  readonly sh_size: ElfWord;
  readonly sh_link: number;
  readonly sh_info: number;
  readonly sh_addralign: ElfWord;
  readonly sh_entsize: ElfWord;
}

export interface Sym {
  readonly st_name: number;
  /** Upper half of `st_info`: STB_*. */
  readonly st_bind: number;
  /** Lower half of `st_info`: STT_*. */
  readonly st_type: number;
  readonly st_other: number;
  readonly st_shndx: number;
  readonly st_value: ElfWord;
  readonly st_size: ElfWord;
}

export interface Dyn {
  readonly d_tag: number;
  readonly d_un: ElfWord;
}

/** A relocation whose addend is what the relocated word holds. */
export interface Rel {
  readonly r_offset: ElfWord;
  /** Symbol half of `r_info`. */
  readonly r_sym: number;
  /** Type half of `r_info`. */
  readonly r_type: number;
}

export interface Rela extends Rel {
  readonly r_addend: number;
}

export interface Nhdr {
  readonly n_namesz: number;
  readonly n_descsz: number;
  readonly n_type: number;
}

/** Size in bytes of each structure for one {@link ElfFormat}. */
export interface ElfSizes {
  readonly ehdr: number;
  readonly phdr: number;
  readonly shdr: number;
  readonly sym: number;
  readonly dyn: number;
  readonly rel: number;
  readonly rela: number;
  readonly nhdr: number;
  /** Elf_Addr, Elf_Off. */
  readonly word: number;
}

const SIZES_32: ElfSizes = {
  ehdr: 52,
  phdr: 32,
  shdr: 40,
  sym: 16,
  dyn: 8,
  rel: 8,
  rela: 12,
  nhdr: 12,
  word: 4,
};
const SIZES_64: ElfSizes = {
  ehdr: 64,
  phdr: 56,
  shdr: 64,
  sym: 24,
  dyn: 16,
  rel: 16,
  rela: 24,
  nhdr: 12,
  word: 8,
};

export class ElfEncoder {
  readonly format: ElfFormat;
  readonly sizes: ElfSizes;
  private readonly is64: boolean;
  private readonly little: boolean;

  constructor(format: ElfFormat) {
    this.format = format;
    this.is64 = format.class === 64;
    this.little = format.data === 'lsb';
    this.sizes = this.is64 ? SIZES_64 : SIZES_32;
  }

  half(out: DataView, at: number, value: number): number {
    checkUnsigned(value, 0xffff, 'Elf_Half');
    out.setUint16(at, value, this.little);
    return at + 2;
  }

  /** Elf_Word: 32 bits in both classes. */
  word32(out: DataView, at: number, value: number): number {
    checkUnsigned(value, 0xffffffff, 'Elf_Word');
    out.setUint32(at, value, this.little);
    return at + 4;
  }

  /** Elf_Addr or Elf_Off, unsigned: as wide as the class. */
  word(out: DataView, at: number, value: ElfWord): number {
    if (!this.is64) return this.word32(out, at, Number(value));
    if (typeof value === 'bigint') {
      if (BigInt.asUintN(64, value) !== value) throw new RangeError(`Elf64 word out of range: ${value}`);
      out.setBigUint64(at, value, this.little);
      return at + 8;
    }
    checkUnsigned(value, Number.MAX_SAFE_INTEGER, 'Elf64 word');
    const high = value > 0xffffffff ? Math.floor(value / 0x100000000) : 0;
    out.setUint32(at, this.little ? value >>> 0 : high, this.little);
    out.setUint32(at + 4, this.little ? high : value >>> 0, this.little);
    return at + 8;
  }

  ehdr(out: DataView, at: number, header: Ehdr): number {
    const elfClass = this.is64 ? ELFCLASS64 : ELFCLASS32;
    const elfData = this.little ? ELFDATA2LSB : ELFDATA2MSB;
    const ident = [0x7f, 0x45, 0x4c, 0x46, elfClass, elfData, EV_CURRENT, header.ei_osabi ?? ELFOSABI_NONE];
    for (let i = 0; i < EI_NIDENT; i++) out.setUint8(at + i, ident[i] ?? 0);
    let next = this.half(out, at + EI_NIDENT, header.e_type);
    next = this.half(out, next, header.e_machine);
    next = this.word32(out, next, EV_CURRENT);
    next = this.word(out, next, header.e_entry ?? 0);
    next = this.word(out, next, header.e_phoff);
    next = this.word(out, next, header.e_shoff);
    next = this.word32(out, next, header.e_flags ?? 0);
    next = this.half(out, next, this.sizes.ehdr);
    next = this.half(out, next, header.e_phnum > 0 ? this.sizes.phdr : 0);
    next = this.half(out, next, header.e_phnum);
    next = this.half(out, next, header.e_shnum > 0 ? this.sizes.shdr : 0);
    next = this.half(out, next, header.e_shnum);
    return this.half(out, next, header.e_shstrndx);
  }

  phdr(out: DataView, at: number, segment: Phdr): number {
    let next = this.word32(out, at, segment.p_type);
    if (this.is64) next = this.word32(out, next, segment.p_flags);
    next = this.word(out, next, segment.p_offset);
    next = this.word(out, next, segment.p_vaddr);
    next = this.word(out, next, segment.p_vaddr);
    next = this.word(out, next, segment.p_filesz);
    next = this.word(out, next, segment.p_memsz);
    if (!this.is64) next = this.word32(out, next, segment.p_flags);
    return this.word(out, next, segment.p_align);
  }

  shdr(out: DataView, at: number, section: Shdr): number {
    let next = this.word32(out, at, section.sh_name);
    next = this.word32(out, next, section.sh_type);
    next = this.word(out, next, section.sh_flags);
    next = this.word(out, next, section.sh_addr);
    next = this.word(out, next, section.sh_offset);
    next = this.word(out, next, section.sh_size);
    next = this.word32(out, next, section.sh_link);
    next = this.word32(out, next, section.sh_info);
    next = this.word(out, next, section.sh_addralign);
    return this.word(out, next, section.sh_entsize);
  }

  sym(out: DataView, at: number, symbol: Sym): number {
    const info = (symbol.st_bind << 4) | (symbol.st_type & 0xf);
    let next = this.word32(out, at, symbol.st_name);
    if (!this.is64) {
      next = this.word(out, next, symbol.st_value);
      next = this.word(out, next, symbol.st_size);
    }
    out.setUint8(next, info);
    out.setUint8(next + 1, symbol.st_other);
    next = this.half(out, next + 2, symbol.st_shndx);
    if (this.is64) {
      next = this.word(out, next, symbol.st_value);
      next = this.word(out, next, symbol.st_size);
    }
    return next;
  }

  /** The name, value and size alone, into a symbol that is there. */
  symPlace(out: DataView, at: number, st_name: number, st_value: number, st_size: number): void {
    this.word32(out, at, st_name);
    const size = this.word(out, at + this.sizes.word, st_value);
    this.word(out, size, st_size);
  }

  dyn(out: DataView, at: number, entry: Dyn): number {
    return this.word(out, this.word(out, at, entry.d_tag), entry.d_un);
  }

  rel(out: DataView, at: number, { r_offset, r_sym, r_type }: Rel): number {
    const next = this.word(out, at, r_offset);
    if (this.is64) return this.word(out, next, (BigInt(r_sym) << 32n) | BigInt(r_type));
    checkUnsigned(r_type, 0xff, 'ELF32 relocation type');
    return this.word32(out, next, r_sym * 256 + r_type);
  }

  rela(out: DataView, at: number, relocation: Rela): number {
    const next = this.rel(out, at, relocation);
    const { r_addend } = relocation;
    return this.word(out, next, this.is64 ? BigInt.asUintN(64, BigInt(r_addend)) : r_addend >>> 0);
  }

  nhdr(out: DataView, at: number, note: Nhdr): number {
    let next = this.word32(out, at, note.n_namesz);
    next = this.word32(out, next, note.n_descsz);
    return this.word32(out, next, note.n_type);
  }

  /** `n_descsz` alone, into a note's header. */
  descsz(out: DataView, at: number, n_descsz: number): void {
    this.word32(out, at + 4, n_descsz);
  }
}

function checkUnsigned(value: number, most: number, what: string): void {
  if (!(value >= 0 && value <= most && Number.isInteger(value))) {
    throw new RangeError(`${what} out of range: ${value}`);
  }
}
