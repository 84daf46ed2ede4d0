/**
 * What a processor is. One folder beside this file has all of it for each, and index.ts lists them: nothing else in the
 * library and its tools knows a processor by its name.
 *
 * It comes in three parts, since a program needs less of it than a tracer, and a start takes as long as what it reads:
 * - {@link Processor}, its facts: numbers, the calling convention, names of operands. Everybody has those of all.
 * - {@link ProcessorReader}: how to read files of others. For tools only.
 * - its {@link Assembler}, which assemblers.ts makes: the processor that runs a program needs one, its own.
 */

import type { Arch, ByteOrder, TargetSystem, TracepointEncoding } from '../model/target.ts';
import type { OperandContext, OperandPlace } from './operand-place.ts';

/** Bytes of an argument that a tracer can read. */
export type ArgumentSize = 1 | 2 | 4 | 8;

/** What decides where an argument is. */
export interface PassedType {
  readonly size: ArgumentSize;
  /** Passed as a floating-point number. Probes of this library pass none: theirs are words with the same bits. */
  readonly float?: boolean;
}

/** Where an argument is just before the call. */
export type ArgumentPlace =
  /** In the argument register of that number, or in that of the registers for floating-point numbers. */
  | { readonly kind: 'integer' | 'float'; readonly index: number }
  /** In memory, so many bytes above the stack pointer. */
  | { readonly kind: 'stack'; readonly offset: number };

/** Where C passes arguments. It belongs to a processor and a system: Apple's differs from all others. */
export interface CallingConvention {
  /** How many words are passed in registers, before the stack is used. */
  readonly argumentRegisters: number;
  /** Where arguments of these types are, in this order. */
  place(types: readonly PassedType[]): ArgumentPlace[];
  /** Arguments that a prototype leaves open (`...`) are on the stack, whatever registers are left. */
  readonly variadicOnStack: boolean;
}

/** Since a Linux kernel, as [major, minor], this encoding is the best. */
export interface TracepointSince {
  readonly since: readonly [major: number, minor: number];
  readonly encoding: TracepointEncoding;
}

/** What is in an ELF file because of its processor. */
export interface ElfFacts {
  /** https://gabi.xinuos.com/elf/a-emachine.html */
  readonly e_machine: number;
  /** The ABI's version and variant; 0 where the processor's supplement defines none. */
  readonly e_flags: number;
  /** The largest page of memory that a kernel for it may have, in bytes. */
  readonly maxPageSize: number;
  /** Whether addends stand in the relocations or in the relocated word: a matter of the processor's ABI. */
  readonly relocations: 'rel' | 'rela';
  /** Types of relocations: what puts a function's address into a word, and what adds the load address to one. */
  readonly globDat: number;
  readonly relative: number;
}

/** The same of a Mach-O file. https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/mach/machine.h */
export interface MachOFacts {
  readonly cputype: number;
  readonly cpusubtype: number;
  /** Bytes of a page of memory. */
  readonly page: number;
  /**
   * Added to the offset of a tracepoint in a DOF document. On x86 the kernel subtracts one from it, since Apple's linker notes
   * the place of a call's operand.
   * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/dev/dtrace/fasttrap.c (fasttrap_meta_create_probe)
   */
  readonly dofBias: number;
}

export interface Processor {
  readonly name: Arch;
  /** What runtimes call it: https://nodejs.org/api/process.html#processarch */
  readonly runtimeNames: readonly string[];
  /** Bits of a pointer, of an integer register, and of a word on the stack. */
  readonly wordBits: 32 | 64;
  readonly order: ByteOrder;
  /** Systems for which images are built, in the order in which they are named. */
  readonly systems: readonly TargetSystem[];
  convention(os: TargetSystem): CallingConvention;
  /** An argument's place as an SDT note has it, in the syntax of the assembler. */
  printOperand(place: ArgumentPlace, size: ArgumentSize): string;
  /** From the oldest kernel on. */
  readonly tracepoints: readonly TracepointSince[];
  readonly elf: ElfFacts;
  /** Undefined where Apple never used it. */
  readonly macho?: MachOFacts;
  /** Room for the engine's code in bytes, a power of two. */
  readonly engineSize: number;
}

/** What tools need of it to read the files and the memory of others. */
export interface ProcessorReader {
  /**
   * The processor whose kernel and tracers see such programs: another one where it runs programs of a smaller sibling too.
   */
  readonly kernel: Arch;
  /**
   * Where an operand of an SDT note is, in the kernel's names for registers. Compilers write more than `printOperand`
   * does. Never throws: what is not understood is a place of the kind `none`.
   */
  parseOperand(text: string, context: OperandContext): OperandPlace;
  /** How many bytes tracers may change of the code at a tracepoint, given those in the file. At most `code.length`. */
  patchedLength(code: Uint8Array): number;
  /** Names of the variants of it that Apple's tools know, by cpusubtype without its flags. */
  readonly appleNames: Readonly<Record<number, string>>;
  /** The address of a probe, or of the question whether it is enabled, from what a DOF document of Apple's says. */
  appleSite(address: bigint, isEnabled: boolean): bigint;
}
