/**
 * What a catalogue holds: the probe sites of ELF files, with everything that a tracer needs to know of them.
 * @module
 */

/** Architectures whose operands can be translated for the kernel. */
export type ProbeArch = 'x64' | 'x86' | 'arm64';

export interface ProbeArgument {
  /** C type: as the program declared it, or made from size and sign (`int32_t`, `double`) where only the SDT note speaks. */
  readonly type: string;
  /** Whether `type` was declared by the program itself. */
  readonly declared: boolean;
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly float: boolean;
  /** In assembler syntax, as the SDT note has it, or would if it listed more than twelve. */
  readonly operand: string;
}

/** One tracepoint. The same probe may have several, in one file or in many, and each its own arguments' places. */
export interface ProbeSite {
  /** The provider's name as the program wrote it; as in the SDT note where the program did not say. */
  readonly provider: string;
  readonly name: string;
  /** The names in the SDT note, where `-` is spelled `__`. */
  readonly sdtProvider: string;
  readonly sdtName: string;
  /** Module and function, where declared. */
  readonly module: string | undefined;
  readonly function: string | undefined;
  /** Address of the tracepoint as in the file, prelinking taken into account. */
  readonly address: bigint;
  /** Place of the tracepoint in the file; undefined when no loaded segment holds it, so that it can't be traced. */
  readonly offset: bigint | undefined;
  /** Address of the semaphore as in the file, and its place in the file; undefined for none. */
  readonly semaphoreAddress: bigint | undefined;
  readonly semaphoreOffset: bigint | undefined;
  readonly arguments: readonly ProbeArgument[];
  /** The note's argument string. */
  readonly argumentText: string;
  /** The bytes at the tracepoint in the file (up to 12). */
  readonly code: Uint8Array;
}

/** What probes were found in one file. */
export interface ElfProbes {
  readonly arch: ProbeArch | undefined;
  /** e_machine, for messages about architectures that have no name here. */
  readonly machine: number;
  readonly class: 32 | 64;
  /** Position-dependent (ET_EXEC): addresses in the file are those in memory. */
  readonly fixed: boolean;
  readonly sites: readonly ProbeSite[];
}

/** A file with probes, and how to open it. */
export interface ProbeFile extends ElfProbes {
  /** For people: the path as the process that maps it, or the user, named it. */
  readonly path: string;
  /** For open(2) in this process: differs from `path` for containers and deleted files. */
  readonly openPath: string;
  /** `major:minor:inode`, the same for all names of the file. */
  readonly key: string;
  /** Processes that are known to map it. */
  readonly pids: readonly number[];
}

/** `provider:name` as shown to people. */
export function probeTitle(site: Pick<ProbeSite, 'provider' | 'name'>): string {
  return `${site.provider}:${site.name}`;
}
