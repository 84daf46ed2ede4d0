/**
 * Numbers of the Mach-O format and of its code signatures.
 *
 * - https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h
 * - https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/nlist.h
 * - https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/fat.h
 * - https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/kern/cs_blobs.h (CS*)
 */

/** The first four bytes, in the order of the file; the other order says that all the rest is in the other order too. */
export const MH_MAGIC = 0xfeedface;
export const MH_MAGIC_64 = 0xfeedfacf;
export const MH_OBJECT = 1;
export const MH_BUNDLE = 8;
export const MH_NOUNDEFS = 0x1;
export const MH_DYLDLINK = 0x4;
export const MH_TWOLEVEL = 0x80;

export const LC_SEGMENT = 0x1;
export const LC_SYMTAB = 0x2;
export const LC_DYSYMTAB = 0xb;
export const LC_LOAD_DYLIB = 0xc;
export const LC_SEGMENT_64 = 0x19;
export const LC_UUID = 0x1b;
export const LC_CODE_SIGNATURE = 0x1d;
export const LC_BUILD_VERSION = 0x32;
export const LC_DYLD_INFO_ONLY = 0x80000022;

export const PLATFORM_MACOS = 1;

export const VM_PROT_READ = 1;
export const VM_PROT_WRITE = 2;
export const VM_PROT_EXECUTE = 4;

/** The bits of a section's flags that are its type. */
export const SECTION_TYPE = 0xff;
export const S_REGULAR = 0x0;
export const S_ZEROFILL = 0x1;
export const S_GB_ZEROFILL = 0xc;
/** A DOF document, which dyld hands to the kernel. */
export const S_DTRACE_DOF = 0xf;
export const S_THREAD_LOCAL_ZEROFILL = 0x12;
export const S_ATTR_PURE_INSTRUCTIONS = 0x80000000;
export const S_ATTR_SOME_INSTRUCTIONS = 0x00000400;
/** Flags of a section that is nothing but code. */
export const S_CODE = (S_REGULAR | S_ATTR_PURE_INSTRUCTIONS | S_ATTR_SOME_INSTRUCTIONS) >>> 0;

export const N_UNDF = 0x0;
export const N_EXT = 0x1;
export const N_SECT = 0xe;
/** In the upper byte of n_desc: found in whatever image has it (ld's -undefined dynamic_lookup). */
export const DYNAMIC_LOOKUP_ORDINAL = 0xfe;

export const REBASE_OPCODE_DONE = 0x00;
export const REBASE_OPCODE_SET_TYPE_IMM = 0x10;
export const REBASE_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB = 0x20;
export const REBASE_OPCODE_DO_REBASE_IMM_TIMES = 0x50;
export const REBASE_TYPE_POINTER = 1;

export const BIND_OPCODE_DONE = 0x00;
export const BIND_OPCODE_SET_DYLIB_SPECIAL_IMM = 0x30;
export const BIND_OPCODE_SET_SYMBOL_TRAILING_FLAGS_IMM = 0x40;
export const BIND_OPCODE_SET_TYPE_IMM = 0x50;
export const BIND_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB = 0x70;
export const BIND_OPCODE_DO_BIND = 0x90;
export const BIND_TYPE_POINTER = 1;
/** As the immediate operand of SET_DYLIB_SPECIAL_IMM: the low four bits of -2. */
export const BIND_SPECIAL_DYLIB_FLAT_LOOKUP = 0xe;

export const EXPORT_SYMBOL_FLAGS_KIND_REGULAR = 0;

export const FAT_MAGIC = 0xcafebabe;
export const FAT_MAGIC_64 = 0xcafebabf;

export const CSMAGIC_CODEDIRECTORY = 0xfade0c02;
export const CSMAGIC_EMBEDDED_SIGNATURE = 0xfade0cc0;
export const CSSLOT_CODEDIRECTORY = 0;
export const CS_SUPPORTSEXECSEG = 0x20400;
export const CS_ADHOC = 0x2;
export const CS_LINKER_SIGNED = 0x20000;
export const CS_HASHTYPE_SHA256 = 2;
