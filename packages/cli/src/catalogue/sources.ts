/**
 * Where probes come from: files that the user names, and what running processes have in their memory.
 *
 * A process may live in a container, with other file systems than ours: its files are opened through
 * `/proc/PID/map_files`, which also reaches files without a name, or `/proc/PID/root`. One file has many names and many
 * processes; device and inode tell that it is the same.
 * @module
 */

import * as fs from 'node:fs';
import { ElfError } from 'libusdt/codecs';
import { FailureError, systemCode, UnavailableError } from '../errors.ts';
import { readElfFile } from './elf-file.ts';
import { type ProbeFilter, probesOfElf } from './elf-probes.ts';
import { type Mapping, parseMaps, statKey } from './maps.ts';
import type { ElfProbes, ProbeFile } from './probe.ts';

/** The probes of a file that the user named. @throws FailureError which says what is wrong with it. */
export function openProbeFile(path: string, wanted?: ProbeFilter): ProbeFile {
  let fd: number;
  try {
    fd = fs.openSync(path, 'r');
  } catch (error) {
    throw new FailureError(describe(path, error));
  }
  try {
    const stat = fs.fstatSync(fd, { bigint: true });
    if (!stat.isFile()) throw new FailureError(`${path}: not a regular file`);
    const openPath = fs.realpathSync(path);
    return { ...probesOf(fd, wanted), path: openPath, openPath, key: statKey(stat), pids: [] };
  } catch (error) {
    if (error instanceof FailureError) throw error;
    throw new FailureError(describe(path, error));
  } finally {
    fs.closeSync(fd);
  }
}

function probesOf(fd: number, wanted: ProbeFilter | undefined): ElfProbes {
  const { elf, need } = readElfFile(fd);
  return probesOfElf(elf, need, wanted);
}

function describe(path: string, error: unknown): string {
  if (error instanceof ElfError) return `${path}: ${error.message}`;
  switch (systemCode(error)) {
    case 'ENOENT':
      return `${path}: no such file`;
    case 'EACCES':
      return `${path}: permission denied`;
    case 'EISDIR':
      return `${path}: is a folder`;
    default:
      return `${path}: ${error instanceof Error ? error.message : String(error)}`;
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

  /** Marks a file as seen, so that scans do not return it. */
  add(file: ProbeFile): boolean {
    if (this.known.get(file.key) !== undefined) return false;
    this.known.set(file.key, file);
    return true;
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
        const probes = probesOf(fd, this.wanted);
        return probes.sites.length > 0
          ? { ...probes, path: mapping.path, openPath, key: mapping.key, pids }
          : undefined;
      } catch (error) {
        // Fonts, databases and the like may be mapped executable; only what claims to be ELF is worth a word.
        if (!(error instanceof ElfError) || error.message.startsWith('not an ELF file')) return undefined;
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
