/**
 * Names and numbers of the ELF files this library writes and reads.
 *
 * gABI: https://gabi.xinuos.com/ (elf header, sections, symbol table, program header, dynamic, note sections)
 * GNU additions: https://sourceware.org/git/?p=glibc.git;a=blob;f=elf/elf.h
 */

// e_ident: https://gabi.xinuos.com/elf/02-eheader.html
export const EI_NIDENT = 16;
export const EI_DATA = 5;
export const EI_OSABI = 7;
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EV_CURRENT = 1;
export const ELFOSABI_NONE = 0;
export const ELFOSABI_SOLARIS = 6;
export const ELFOSABI_FREEBSD = 9;

/** Word size and byte order of a file, as `e_ident[EI_CLASS]` and `e_ident[EI_DATA]` tell. */
export interface ElfFormat {
  readonly class: 32 | 64;
  readonly data: 'lsb' | 'msb';
}

// e_type
export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;

// Sections: https://gabi.xinuos.com/elf/03-sheader.html
export const SHN_UNDEF = 0;
export const SHN_XINDEX = 0xffff;
export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_HASH = 5;
export const SHT_DYNAMIC = 6;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_DYNSYM = 11;
/** https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/sys/elf.h */
export const SHT_SUNW_dof = 0x6ffffff4;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;

// Symbols: https://gabi.xinuos.com/elf/05-symtab.html
export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STV_DEFAULT = 0;

// Segments: https://gabi.xinuos.com/elf/07-pheader.html
export const PN_XNUM = 0xffff;
export const PT_NULL = 0;
export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_NOTE = 4;
export const PT_GNU_STACK = 0x6474e551;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

// Dynamic array: https://gabi.xinuos.com/elf/08-dynamic.html
export const DT_NULL = 0;
export const DT_HASH = 4;
export const DT_STRTAB = 5;
export const DT_SYMTAB = 6;
export const DT_RELA = 7;
export const DT_RELASZ = 8;
export const DT_RELAENT = 9;
export const DT_STRSZ = 10;
export const DT_SYMENT = 11;
export const DT_REL = 17;
export const DT_RELSZ = 18;
export const DT_RELENT = 19;
export const DT_FLAGS = 30;
export const DF_BIND_NOW = 8;

// Notes: https://gabi.xinuos.com/elf/07-pheader.html#note-section
export const NT_GNU_BUILD_ID = 3;
export const NT_STAPSDT = 3;
