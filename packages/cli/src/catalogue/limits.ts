/**
 * How much is read of files that others made: root looks into everything that any user's processes have mapped, and a
 * file costs its owner nothing to make large. What is beyond a limit is passed over, and said to be. Real files are far
 * below: node, clang and PostgreSQL have notes of a few kilobytes, an image of libusdt with 100,000 probes 20 MiB.
 */

const MIB = 1024 * 1024;

export const LIMITS = {
  /** All that is read of one file: its headers, its notes, and a page of code for each place of a probe. Bytes. */
  fileBytes: 96 * MIB,
  /** Of those, sections that describe probes: notes and DOF. Bytes. */
  noteBytes: 32 * MIB,
  /** Notes in a section. */
  notes: 120_000,
  /** Probe sites of a file, each counted with its arguments. */
  sites: 1_000_000,
  /** Arguments of one probe: the kernel fetches 128 at most (MAX_TRACE_ARGS). */
  arguments: 128,
  /** What a note says of them. Characters. */
  argumentText: 8192,
  /** ELF headers. Object files with a section for each function have the most sections; Linux runs nothing with more than 64 KiB of segments. */
  sections: 262_144,
  segments: 65_536,
  /** Symbol tables with their strings, which are read only for operands that name a symbol. Bytes. */
  symbolBytes: 256 * MIB,
  /** `/proc/PID/maps`: a process may have 65,530 mappings, whose lines are mostly below 200 bytes. Bytes. */
  mapsBytes: 16 * MIB,
  /** The processor's time for one file, and for all new files of one look, in milliseconds: events wait meanwhile. */
  fileTime: 5000,
  firstLookTime: 10_000,
  laterLookTime: 500,
  /** For the first file of a batch on a file system that may not answer, in milliseconds by the clock. */
  answerTime: 5000,
  /** For all files of a look that are on such file systems, in milliseconds by the clock. */
  guardedTime: 15_000,
  /** What the child process tells of a batch. */
  answerBytes: 512 * MIB,
  /** File systems that did not answer: then no more are tried. */
  silent: 3,
} as const;

/** Bytes as people read them. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}

/** The processor's time that this process has used, in milliseconds: other programs do not count, as they would by a clock. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** How often the time is looked at. */
const SITES_PER_CHECK = 256;

/** What may still be made of one file. */
export class Quota {
  private problem: string | undefined;
  private readonly until = processorTime() + LIMITS.fileTime;
  private left: number = LIMITS.sites;
  private taken = 0;

  /** What was passed over, and why: sentences about the file. */
  get problems(): readonly string[] {
    return this.problem === undefined ? [] : [this.problem];
  }

  /** Whether there is room and time for a site. */
  take(argumentCount: number): boolean {
    if (this.problem !== undefined) return false;
    this.left -= 1 + argumentCount;
    if (this.left < 0)
      this.problem = `it has too many probes: those behind the first ${this.taken} are passed over`;
    else if (this.taken++ % SITES_PER_CHECK === 0) this.hasTime();
    return this.problem === undefined;
  }

  /** Whether there is time for more. */
  hasTime(): boolean {
    if (this.problem === undefined && processorTime() > this.until) {
      this.problem = `reading its probes takes more than ${LIMITS.fileTime / 1000} s: those behind the first ${this.taken} are passed over`;
    }
    return this.problem === undefined;
  }
}
