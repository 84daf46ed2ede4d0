/**
 * What a catalogue holds: the probe sites of object files, with everything that a tracer needs to know of them.
 */

import type { Arch } from 'libusdt/codecs';

/** What describes a probe: an SDT note, a DOF document, or one of DTrace's own notes, of its section `.note.usdt`. */
export type ProbeFormat = 'stapsdt' | 'dof' | 'usdt';

export interface ProbeArgument {
  /** C type: as the program declared it, or made from size and sign (`int32_t`, `double`) where only the SDT note speaks. */
  readonly type: string;
  /** Whether `type` was declared by the program itself. */
  readonly declared: boolean;
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly float: boolean;
  /**
   * In assembler syntax, as a note has it, or would if it listed more than twelve, or by the C calling convention; empty
   * where that is not known.
   */
  readonly operand: string;
}

/** One of `args[0]`, `args[1]`... of D. */
export interface TranslatedArgument {
  readonly type: string;
  /** The argument that it is made from. */
  readonly argument: number;
}

/** One tracepoint. The same probe may have several, in one file or in many, and each its own arguments' places. */
export interface ProbeSite {
  /** The provider's name as the program wrote it; as in the SDT note where the program did not say. */
  readonly provider: string;
  readonly name: string;
  /** The names as in an SDT note, where `-` is spelled `__`. */
  readonly sdtProvider: string;
  readonly sdtName: string;
  /** More than one where several describe the same place. */
  readonly formats: readonly ProbeFormat[];
  /** Module and function, where known. */
  readonly module: string | undefined;
  readonly function: string | undefined;
  /**
   * Address of the tracepoint as in the file, prelinking taken into account; in a file that is not linked, from the
   * start of the function. Undefined for a probe that the program asks about but never fires.
   */
  readonly address: bigint | undefined;
  /** Place of the tracepoint in the file; undefined when no loaded segment holds it. */
  readonly offset: bigint | undefined;
  /** Why it can't be traced here; undefined if it can. */
  readonly untraceable: string | undefined;
  /** Where the same function asks whether the probe is enabled, as in the file. Only DTrace can answer. */
  readonly enabledAddresses: readonly bigint[];
  /** Address of the semaphore as in the file, and its place in the file; undefined for none. */
  readonly semaphoreAddress: bigint | undefined;
  readonly semaphoreOffset: bigint | undefined;
  readonly arguments: readonly ProbeArgument[];
  /** The arguments as D sees them, where that is not just as they are. */
  readonly translated: readonly TranslatedArgument[] | undefined;
  /** The arguments as in an SDT note. */
  readonly argumentText: string;
  /** The bytes at the tracepoint in the file (up to 12). */
  readonly code: Uint8Array;
}

/** What probes were found in one file, or one slice of a universal file. */
export interface ObjectProbes {
  readonly format: 'elf' | 'mach-o';
  /** Undefined where its operands can't be translated for the kernel. */
  readonly arch: Arch | undefined;
  /** e_machine or cputype, for messages about architectures that have no name here. */
  readonly machine: number;
  /** Of a universal file: the architecture, as Apple's tools name it. */
  readonly slice: string | undefined;
  readonly class: 32 | 64;
  /** Position-dependent (ET_EXEC): addresses in the file are those in memory. */
  readonly fixed: boolean;
  /** A relocatable file, which the linker has not seen yet. */
  readonly unlinked: boolean;
  readonly sites: readonly ProbeSite[];
  /** What could not be read of it. */
  readonly problems: readonly string[];
  /** What is wrong with what was read: DTrace will not take it as it is meant. */
  readonly warnings: readonly string[];
}

/** A file with probes, and how to open it. */
export interface ProbeFile extends ObjectProbes {
  /** For people: the path as the process that maps it, or the user, named it. */
  readonly path: string;
  /** For open(2) in this process: differs from `path` for containers and deleted files. */
  readonly openPath: string;
  /** It opened as a path (O_PATH): all that leads to it when the process by which it was found has ended. */
  readonly handle?: number;
  /** What the kernel takes for one file has one, for all its names, mounts and slices: the `statKey` of the first that was found. */
  readonly key: string;
  /** `major:minor:inode` as stat(2) shows them by this path. */
  readonly statKey: string;
  /** The same as `/proc/PID/maps` shows them, which on some file systems are others; one for each mount that is known. */
  readonly mapKeys: readonly string[];
  /** It is on a file system that may not answer (guarded.ts): a child process reads it, and memory that shows it. */
  readonly guarded?: boolean;
  /** Processes that are known to map it. */
  readonly pids: readonly number[];
}

/** `provider:name`: no other probe has the same, since a colon in a provider's name has a backslash before it. */
export function probeTitle({ provider, name }: Pick<ProbeSite, 'provider' | 'name'>): string {
  return `${provider.replace(/[\\:]/g, '\\$&')}:${name}`;
}
