/**
 * Where probes come from: files that the user names, and what running processes have in their memory.
 *
 * A process may live in a container, with other file systems than ours: its files are opened through
 * `/proc/PID/map_files`, which also reaches files without a name, or `/proc/PID/root`. One file has many names and many
 * processes, and more than one device where containers share it: same-file.ts tells that it is the same.
 */

import * as fs from 'node:fs';
import { basename } from 'node:path';
import { ElfError, MachOError, machOKind } from 'libusdt/codecs';
import { FailureError, systemCode, UnavailableError } from '../errors.ts';
import { isLinux, requireLinux } from '../linux.ts';
import { milliseconds } from '../monotonic.ts';
import { SENTENCE_MAX, shown } from '../text.ts';
import type { ProbeFilter } from './dof-probes.ts';
import { readSparseElf } from './elf-file.ts';
import { probesOfElf } from './elf-probes.ts';
import {
  deviceOf,
  isGuarding,
  type LocalDevices,
  localDevices,
  lookGuarded,
  type MappedFile,
} from './guarded.ts';
import { LIMITS, mebibytes, processorTime } from './limits.ts';
import { probesOfMachO, probesOfUniversal } from './macho-probes.ts';
import { keyOf, type Mapping, parseMaps, statKey } from './maps.ts';
import { type OpenFile, OtherFileError, openFound, openNamed, reopenAsPath } from './open-file.ts';
import type { ObjectProbes, ProbeFile } from './probe.ts';
import { isSameFile } from './same-file.ts';
import { FileSizeError, openSparse } from './sparse-file.ts';

/** The probes of a file that the user named: one for each slice of it. @throws FailureError which says what is wrong with it. */
export function openProbeFiles(path: string, wanted?: ProbeFilter): ProbeFile[] {
  let fd: number | undefined;
  try {
    const opened = openNamed(path);
    fd = opened.fd;
    const openPath = fs.realpathSync(path);
    const key = statKey(opened.stat);
    return probesOf(fd, basename(openPath), wanted).map((probes) => ({
      ...probes,
      ...{ path: openPath, openPath, key, statKey: key, mapKeys: [key], pids: [] },
    }));
  } catch (error) {
    if (error instanceof FailureError) throw error;
    throw new FailureError(describe(path, error));
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Not what probes could be in. */
class NoObjectFileError extends Error {
  constructor() {
    super('not an ELF or Mach-O file');
  }
}

/** statfs(2), linux/magic.h. */
const BTRFS = 0x9123683e;
const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];

function probesOf(fd: number, name: string, wanted: ProbeFilter | undefined): ObjectProbes[] {
  const file = openSparse(fd);
  if (ELF_MAGIC.every((byte, index) => file.bytes[index] === byte)) {
    const { elf, need, passedOver } = readSparseElf(file);
    return [probesOfElf(elf, { need, wanted, name, passedOver })];
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

/** A file that says of itself that it is one for probes, and is damaged, or is not the one it should be. */
function isDamage(error: unknown): boolean {
  return (
    error instanceof ElfError ||
    error instanceof MachOError ||
    error instanceof FileSizeError ||
    error instanceof OtherFileError
  );
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

/** Where processes can't be looked at. */
export const BY_FILE = 'name the files of its probes';

/** All processes, in ascending order; on systems other than Linux none. */
export function processIds(): number[] {
  if (!isLinux()) return [];
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * Undefined for a process that is gone, belongs to someone else, or is a thread of the kernel.
 * @param passOver called if there is too much of it to be read.
 * @param inodes of the files that matter; undefined for all.
 */
export function readMappings(
  pid: number,
  passOver?: () => void,
  inodes?: ReadonlySet<string>,
): Mapping[] | undefined {
  try {
    const { text, whole } = readBounded(`/proc/${pid}/maps`, LIMITS.mapsBytes);
    if (!whole) passOver?.();
    return parseMaps(text, inodes);
  } catch {
    return undefined;
  }
}

/** A machine has hundreds of processes: memory for each would be the larger part of reading them. */
let part: Buffer | undefined;

/** A file of /proc, which does not tell its size. @throws the system's error. */
function readBounded(path: string, most: number): { readonly text: string; readonly whole: boolean } {
  part ??= Buffer.allocUnsafe(64 * 1024);
  const fd = fs.openSync(path, 'r');
  try {
    let text = '';
    while (text.length < most) {
      let filled = 0;
      let read: number;
      do {
        read = fs.readSync(fd, part, filled, part.length - filled, null);
        filled += read;
      } while (read > 0 && filled < part.length);
      text += part.toString('latin1', 0, filled);
      if (read === 0) return { text, whole: true };
    }
    return { text: text.slice(0, text.lastIndexOf('\n') + 1), whole: false };
  } finally {
    fs.closeSync(fd);
  }
}

interface Found extends MappedFile {
  readonly pids: number[];
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
  /** Whether a device in `maps` may be that of several file systems. */
  private readonly shared = new Map<string, boolean>();
  /** Found, but not read yet: the look took too long. */
  private pending = new Map<string, Found>();
  private looks = 0;
  /** By file key: of those that were read. */
  private readonly versions = new Map<string, string>();
  /** Devices of file systems that did not answer. */
  private readonly silent = new Set<string>();

  private readonly holds: boolean;

  /**
   * @param wanted leaves out other probes, and files that have none of those.
   * @param holds whether files stay known for what they are when the process that has them ends.
   */
  constructor(wanted?: ProbeFilter, holds = false) {
    this.wanted = wanted;
    this.holds = holds;
  }

  /**
   * @param wanted leaves out other mappings.
   * @param read the mappings of a process, if they are known.
   * @returns files with probes that no earlier scan returned. What the kernel takes for one may be several of them, for
   * mounts of their own, with one `key`.
   */
  scan(
    pids: Iterable<number>,
    wanted: (mapping: Mapping) => boolean = () => true,
    read: typeof readMappings = readMappings,
  ): ProbeFile[] {
    const found = this.pending;
    this.pending = new Map();
    const until = processorTime() + (this.looks++ === 0 ? LIMITS.firstLookTime : LIMITS.laterLookTime);
    const local = localDevices();
    const needsGuard = ({ mapping, pids: [pid] }: MappedFile): boolean =>
      isGuarding() && (!local.has(deviceOf(mapping)) || (!followsLinks() && hasOwnMounts(pid!)));
    const looked = new Set<string>();
    for (const pid of pids) {
      const passOver = (): void => {
        const text = `/proc/${pid}/maps: more than ${mebibytes(LIMITS.mapsBytes)}: the rest is passed over`;
        this.problems.set(`${pid}`, text);
      };
      for (const mapping of read(pid, passOver) ?? []) {
        if (!mapping.executable || !wanted(mapping)) continue;
        const isGuarded = needsGuard({ mapping, pids: [pid] });
        const key = isGuarded ? guardedKey(mapping, pid) : this.ownKey(mapping, pid);
        if (this.known.has(key)) {
          if (isGuarded || looked.has(key)) continue;
          looked.add(key);
          if (!this.isAnother(key, mapping, pid)) continue;
          this.known.delete(key);
        }
        const entry = found.get(key);
        if (entry === undefined) found.set(key, { mapping, pids: [pid] });
        else if (entry.pids.at(-1) !== pid) entry.pids.push(pid);
      }
    }
    const files: ProbeFile[] = [];
    const take = (key: string, probes: ProbeFile | undefined): void => {
      const file = probes && this.identified(probes);
      this.known.set(key, file);
      if (file) files.push(file);
    };
    const guarded: (readonly [key: string, file: Found])[] = [];
    let taken = 0;
    for (const [key, mapped] of found) {
      if (this.known.has(key)) continue;
      if (needsGuard(mapped)) guarded.push([key, mapped]);
      else if (taken > 0 && processorTime() > until) this.pending.set(key, mapped);
      else {
        taken++;
        this.versions.set(key, versionOf(mapped.mapping, mapped.pids[0]!));
        take(key, this.read(mapped, local));
      }
    }
    this.readGuarded(guarded, take);
    if (this.pending.size > 0) {
      const text = `${this.pending.size} files that processes have mapped are passed over for now: reading the others took too long`;
      this.problems.set('time', text);
    }
    return files;
  }

  /** Marks a file, in all its slices, as seen, so that scans do not return it. @returns them, unless it was before. */
  add(slices: readonly ProbeFile[]): readonly ProbeFile[] {
    const [file] = slices;
    if (file === undefined || this.known.get(file.key) !== undefined) return [];
    const key = this.identityOf(file);
    const named = slices.map((slice) => ({ ...slice, key }));
    this.known.set(file.key, named[0]);
    return named;
  }

  /**
   * A key that no other file has. All subvolumes of a btrfs share a device in `maps`, and a snapshot (a container, for
   * some runtimes) has the inode numbers of what it was made of: there the file itself is looked at.
   */
  private ownKey(mapping: Mapping, pid: number): string {
    const { key } = mapping;
    // What has no device of its own has the major number 0.
    if (!key.startsWith('0:')) return key;
    const device = key.slice(0, key.lastIndexOf(':'));
    if (this.shared.get(device) === false) return key;
    for (const place of placesOf(mapping, pid)) {
      try {
        const shared = this.shared.get(device) ?? fs.statfsSync(place).type === BTRFS;
        this.shared.set(device, shared);
        return shared ? `${key} ${statKey(fs.statSync(place, { bigint: true }))}` : key;
      } catch {
        // Another way, or gone.
      }
    }
    return key;
  }

  /** Whether a file has gone and another has its number, as what was built anew often does, or it was written over. */
  private isAnother(key: string, mapping: Mapping, pid: number): boolean {
    const last = this.versions.get(key);
    if (last === undefined) return false;
    const version = versionOf(mapping, pid);
    return version !== '' && version !== last;
  }

  /** With the key by which the kernel's one file is known; the first with it is held. */
  private identified(probes: ProbeFile): ProbeFile {
    const key = this.identityOf(probes);
    const file = { ...probes, key };
    if (!this.holds || key !== probes.key || probes.openPath === probes.path) return file;
    try {
      return { ...file, handle: reopenAsPath(probes) };
    } catch {
      // Its process has ended just now.
      return file;
    }
  }

  /** The key of the first file seen that is the same for the kernel. */
  private identityOf(file: ProbeFile): string {
    for (const other of this.known.values()) {
      if (other !== undefined && isSameFile(other, file)) return other.key;
    }
    return file.key;
  }

  /** Of a file system that does not answer one file is tried. */
  private readGuarded(
    files: readonly (readonly [key: string, file: Found])[],
    take: (key: string, file: ProbeFile | undefined) => void,
  ): void {
    if (files.length === 0) return;
    let rest = files;
    const passOver = (): void => {
      const isSilent = ([, { mapping }]: (typeof rest)[number]): boolean =>
        this.silent.size >= LIMITS.silent || this.silent.has(deviceOf(mapping));
      for (const file of rest.filter(isSilent)) take(file[0], undefined);
      rest = rest.filter((file) => !isSilent(file));
    };
    const until = milliseconds() + LIMITS.guardedTime;
    for (passOver(); rest.length > 0; passOver()) {
      if (milliseconds() > until) {
        for (const [key, file] of rest) this.pending.set(key, file);
        return;
      }
      const looks = lookGuarded(rest.map(([, file]) => file));
      looks.forEach(({ file, problem }, index) => {
        const [key, { mapping }] = rest[index]!;
        if (problem !== undefined) this.problems.set(mapping.path, problem);
        const sites = file?.sites.filter((site) => this.wanted?.(site) ?? true) ?? [];
        take(key, file && sites.length > 0 ? { ...file, sites, guarded: true } : undefined);
      });
      rest = rest.slice(looks.length);
      // The others had no time; or the first does not answer.
      if (looks.length > 0 || rest.length === 0) continue;
      const { mapping } = rest[0]![1];
      this.silent.add(deviceOf(mapping));
      const others =
        this.silent.size < LIMITS.silent ? 'all others of it' : 'all others of such file systems';
      const text = `${shown(mapping.path)}: its file system does not answer: it and ${others} are passed over`;
      this.problems.set(mapping.path, text);
    }
  }

  /**
   * A file that no scan has returned. Without `local` it may wait for ever: see guarded.ts.
   * @param local which paths can be looked up.
   */
  read({ mapping, pids }: MappedFile, local?: LocalDevices): ProbeFile | undefined {
    let problem: unknown;
    // A path that leads to the file from here too does so when its process has ended.
    const reached = local?.reaches(mapping.path) ?? true;
    const ours = reached && keyOf(mapping.path) === mapping.key ? [mapping.path] : [];
    for (const openPath of [...ours, ...placesOf(mapping, pids[0]!)]) {
      let opened: OpenFile;
      try {
        opened = openFound(openPath, (stat) => isMapped(stat, mapping));
      } catch (error) {
        problem = error;
        continue;
      }
      const { fd, stat } = opened;
      try {
        // What a process of this system runs has no slices.
        const probes = probesOf(fd, basename(mapping.path), this.wanted)[0];
        if (!probes) return undefined;
        const [first] = [...probes.problems, ...probes.warnings];
        if (first !== undefined)
          this.problems.set(mapping.path, `${shown(mapping.path)}: ${shown(first, SENTENCE_MAX)}`);
        return probes.sites.length > 0
          ? {
              ...probes,
              ...{ path: mapping.path, openPath, pids },
              ...{ key: statKey(stat), statKey: statKey(stat), mapKeys: [mapping.key] },
            }
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

/** Devices differ between `maps` and stat(2) on file systems without a device of their own (major number 0); inodes do not. */
function isMapped(stat: fs.BigIntStats, { key }: Mapping): boolean {
  const actual = statKey(stat);
  if (actual === key) return true;
  return key.endsWith(`:${stat.ino}`) && (key.startsWith('0:') || actual.startsWith('0:'));
}

/** As ProcessScanner.ownKey, without a look at the file: it is told from others by where it is. */
function guardedKey({ key, path }: Mapping, pid: number): string {
  return `${key} ${mountsOf(pid)} ${path}`;
}

/** What changes when a file does, or is another; empty if that can't be seen. */
function versionOf(mapping: Mapping, pid: number): string {
  for (const place of placesOf(mapping, pid)) {
    try {
      const { size, ctimeNs } = fs.statSync(place, { bigint: true });
      return `${size} ${ctimeNs}`;
    } catch {
      // Another way, or gone.
    }
  }
  return '';
}

/** The mount namespace of a process; empty if it is gone. */
function mountsOf(pid: number | 'self'): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return '';
  }
}

function hasOwnMounts(pid: number): boolean {
  return mountsOf(pid) !== mountsOf('self');
}

let follows: boolean | undefined;

/** Whether links in `map_files` are for us: CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE (`proc_map_files_get_link` of fs/proc/base.c). */
function followsLinks(): boolean {
  if (follows === undefined) {
    const [own] = readMappings(process.pid) ?? [];
    follows = own !== undefined && keyOf(linkOf(own, process.pid)) !== undefined;
  }
  return follows;
}

/** The kernel's own link to a mapped file, which needs no path. */
function linkOf({ range }: Mapping, pid: number): string {
  return `/proc/${pid}/map_files/${range.replace(/\b0+(?=[0-9a-f])/g, '')}`;
}

/** Ways to open a mapped file through its process, best first. */
function placesOf(mapping: Mapping, pid: number): string[] {
  const link = linkOf(mapping, pid);
  return mapping.deleted ? [link] : [link, `/proc/${pid}/root${mapping.path}`];
}

/** @throws UnavailableError or FailureError when the process can't be looked at. */
export function checkProcess(pid: number): void {
  requireLinux('looking at a process', BY_FILE);
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
