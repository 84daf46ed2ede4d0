/**
 * Where probes come from: files that the user names, and what running processes have in their memory.
 *
 * A process may live in a container, with other file systems than ours: its files are opened through
 * `/proc/PID/map_files`, which also reaches files without a name, or `/proc/PID/root`. One file has many names and many
 * processes; device and inode tell that it is the same.
 * @module
 */

import * as fs from 'node:fs';
import { basename } from 'node:path';
import { ElfError, MachOError, machOKind } from 'libusdt/codecs';
import { FailureError, systemCode, UnavailableError } from '../errors.ts';
import { SENTENCE_MAX, shown } from '../text.ts';
import type { ProbeFilter } from './dof-probes.ts';
import { readSparseElf } from './elf-file.ts';
import { probesOfElf } from './elf-probes.ts';
import { probesOfMachO, probesOfUniversal } from './macho-probes.ts';
import { type Mapping, parseMaps, statKey } from './maps.ts';
import type { ObjectProbes, ProbeFile } from './probe.ts';
import { FileSizeError, openSparse } from './sparse-file.ts';

/** The probes of a file that the user named: one for each slice of it. @throws FailureError which says what is wrong with it. */
export function openProbeFiles(path: string, wanted?: ProbeFilter): ProbeFile[] {
  let fd: number;
  try {
    fd = fs.openSync(path, 'r');
  } catch (error) {
    throw new FailureError(describe(path, error));
  }
  try {
    const stat = fs.fstatSync(fd, { bigint: true });
    if (!stat.isFile()) throw new FailureError(`${shown(path)}: not a regular file`);
    const openPath = fs.realpathSync(path);
    const key = statKey(stat);
    return probesOf(fd, basename(openPath), wanted).map((probes) => ({
      ...probes,
      ...{ path: openPath, openPath, key, pids: [] },
    }));
  } catch (error) {
    if (error instanceof FailureError) throw error;
    throw new FailureError(describe(path, error));
  } finally {
    fs.closeSync(fd);
  }
}

/** Not what probes could be in. */
class NoObjectFileError extends Error {
  constructor() {
    super('not an ELF or Mach-O file');
  }
}

const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];

function probesOf(fd: number, name: string, wanted: ProbeFilter | undefined): ObjectProbes[] {
  const file = openSparse(fd);
  if (ELF_MAGIC.every((byte, index) => file.bytes[index] === byte)) {
    const { elf, need } = readSparseElf(file);
    return [probesOfElf(elf, { need, wanted, name })];
  }
  switch (machOKind(file.bytes)) {
    case 'thin':
      return [probesOfMachO(file, { wanted, name })];
    case 'universal':
      return probesOfUniversal(file, { wanted, name });
    default:
      throw new NoObjectFileError();
  }
}

/** A file that says of itself that it is one for probes, and is damaged. */
function isDamage(error: unknown): boolean {
  return error instanceof ElfError || error instanceof MachOError || error instanceof FileSizeError;
}

function describe(path: string, error: unknown): string {
  if (isDamage(error)) return `${shown(path)}: ${shown((error as Error).message, SENTENCE_MAX)}`;
  switch (systemCode(error)) {
    case 'ENOENT':
      return `${shown(path)}: no such file`;
    case 'EACCES':
      return `${shown(path)}: permission denied`;
    case 'EISDIR':
      return `${shown(path)}: is a folder`;
    default:
      return `${shown(path)}: ${shown(error instanceof Error ? error.message : String(error), SENTENCE_MAX)}`;
  }
}

/** All processes, in ascending order. */
export function processIds(): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

export interface ProcessMappings {
  readonly pid: number;
  readonly mappings: readonly Mapping[];
}

/** Undefined for a process that is gone, belongs to someone else, or is a thread of the kernel. */
export function readMappings(pid: number): Mapping[] | undefined {
  try {
    return parseMaps(fs.readFileSync(`/proc/${pid}/maps`, 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * Finds files with probes in processes, and remembers what it has seen, so that looking again is cheap.
 */
export class ProcessScanner {
  /** By file key: undefined for files without probes. */
  private readonly known = new Map<string, ProbeFile | undefined>();
  /** Files that could not be read, and why; told once. */
  readonly problems = new Map<string, string>();
  private readonly wanted: ProbeFilter | undefined;

  /** @param wanted leaves out other probes, and files that have none of those. */
  constructor(wanted?: ProbeFilter) {
    this.wanted = wanted;
  }

  /** @returns files with probes that no earlier scan returned. */
  scan(pids: Iterable<number>): ProbeFile[] {
    const found = new Map<string, { readonly mapping: Mapping; readonly pids: number[] }>();
    for (const pid of pids) {
      for (const mapping of readMappings(pid) ?? []) {
        if (!mapping.executable || this.known.has(mapping.key)) continue;
        const entry = found.get(mapping.key);
        if (entry === undefined) found.set(mapping.key, { mapping, pids: [pid] });
        else if (entry.pids.at(-1) !== pid) entry.pids.push(pid);
      }
    }
    const files: ProbeFile[] = [];
    for (const [key, { mapping, pids: users }] of found) {
      const file = this.read(mapping, users);
      this.known.set(key, file);
      if (file) files.push(file);
    }
    return files;
  }

  /** Marks a file, in all its slices, as seen, so that scans do not return it. @returns them, unless it was before. */
  add(slices: readonly ProbeFile[]): readonly ProbeFile[] {
    const [file] = slices;
    if (file === undefined || this.known.get(file.key) !== undefined) return [];
    this.known.set(file.key, file);
    return slices;
  }

  private read(mapping: Mapping, pids: readonly number[]): ProbeFile | undefined {
    let problem: unknown;
    const ours = isSameFile(mapping) ? [mapping.path] : [];
    for (const openPath of [...ours, ...placesOf(mapping, pids[0]!)]) {
      let fd: number;
      try {
        fd = fs.openSync(openPath, 'r');
      } catch (error) {
        problem = error;
        continue;
      }
      try {
        const stat = fs.fstatSync(fd, { bigint: true });
        // The name may belong to another file by now. (Devices differ on some file systems, inodes do not.)
        if (!stat.isFile() || !mapping.key.endsWith(`:${stat.ino}`)) continue;
        // What a process of this system runs has no slices.
        const probes = probesOf(fd, basename(mapping.path), this.wanted)[0];
        if (!probes) return undefined;
        const [first] = [...probes.problems, ...probes.warnings];
        if (first !== undefined)
          this.problems.set(mapping.path, `${shown(mapping.path)}: ${shown(first, SENTENCE_MAX)}`);
        return probes.sites.length > 0
          ? { ...probes, path: mapping.path, openPath, key: mapping.key, pids }
          : undefined;
      } catch (error) {
        // Fonts, databases and the like may be mapped executable; only what claims to have code is worth a word.
        if (!isDamage(error)) return undefined;
        problem = error;
        break;
      } finally {
        fs.closeSync(fd);
      }
    }
    if (problem !== undefined && systemCode(problem) !== 'ENOENT') {
      this.problems.set(mapping.path, describe(mapping.path, problem));
    }
    return undefined;
  }
}

/** Whether the mapping's path leads to its file from here too: then it does so when its process has ended. */
function isSameFile({ path, key }: Mapping): boolean {
  try {
    return statKey(fs.statSync(path, { bigint: true })) === key;
  } catch {
    return false;
  }
}

/** Ways to open a mapped file through its process, best first. */
function placesOf({ range, path, deleted }: Mapping, pid: number): string[] {
  const direct = `/proc/${pid}/map_files/${range.replace(/\b0+(?=[0-9a-f])/g, '')}`;
  return deleted ? [direct] : [`/proc/${pid}/root${path}`, direct];
}

/** @throws UnavailableError or FailureError when the process can't be looked at. */
export function checkProcess(pid: number): void {
  try {
    fs.readFileSync(`/proc/${pid}/maps`, 'latin1');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') throw new FailureError(`there is no process ${pid}`);
    throw new UnavailableError(
      `process ${pid} can't be looked at (${code}): run as its user or as root (sudo usdt ...)`,
    );
  }
}
