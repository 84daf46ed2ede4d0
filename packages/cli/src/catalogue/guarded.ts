/**
 * Files on file systems that may never answer. A user can mount one of his own (FUSE, or an overlay over FUSE, in a
 * user namespace), map a file of it, and stop its server: who opens or reads that file then waits for ever, and no
 * signal helps. A network file system whose server is gone does the same. So what is not on a local file system of our own
 * is read by a child process, which can be killed. What is on one is opened by the kernel's own link to it, which needs
 * no path: on the way of a path its process may have mounted something since.
 */

import type { SpawnSyncOptionsWithBufferEncoding } from 'node:child_process';
import * as fs from 'node:fs';
import { decodeText } from 'libusdt/codecs';
import { LIMITS } from './limits.ts';
import type { Mapping } from './maps.ts';
import type { ProbeFile } from './probe.ts';

/** A file to be read, and who has it. */
export interface MappedFile {
  readonly mapping: Mapping;
  readonly pids: readonly number[];
}

/** What was found there. */
export interface Look {
  readonly file: ProbeFile | undefined;
  readonly problem: string | undefined;
}

/** File systems whose data is in this machine. */
const LOCAL: ReadonlySet<string> = new Set(
  'bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs hugetlbfs iso9660 jfs nilfs2 ntfs3 overlay ramfs reiserfs rootfs squashfs tmpfs udf vfat xfs zfs'.split(
    ' ',
  ),
);
/** The kernel's own tmpfs, mounted at its start and nowhere to be seen: memory files (memfd) are in it. */
const KERNEL_TMPFS = '0:1';

/** Tells what is on local file systems from what may never answer. */
export interface LocalDevices {
  /** @param device `major:minor`. */
  has(device: string): boolean;
  /**
   * Whether a canonical path, which may be that of another mount namespace, can be looked up here: no part of it is
   * where another file system is mounted, or a symbolic link to who knows where.
   */
  reaches(path: string): boolean;
}

/**
 * Local is what the administrator has mounted as such: in our mount namespace, or in that of the machine's first process,
 * if we run in a container. Of other mounts it is what has a block device, which no ordinary user can mount.
 * @param mountinfos the text of /proc/PID/mountinfo, of each of the two.
 */
export function localDevices(mountinfos: readonly string[] = ['self', '1'].map(readMountinfo)): LocalDevices {
  const local = new Map([[KERNEL_TMPFS, true]]);
  const elsewhere = new Set<string>();
  for (const [index, mountinfo] of mountinfos.entries()) {
    for (const line of mountinfo.split('\n')) {
      // 36 35 98:0 /root /point options [fields] - type source options
      const [, , device, , point] = line.split(' ', 5);
      const type = / - (\S+) /.exec(line)?.[1];
      if (device === undefined || point === undefined || type === undefined) continue;
      local.set(device, LOCAL.has(type));
      if (index === 0 && !LOCAL.has(type)) elsewhere.add(unescapePoint(point));
    }
  }
  return {
    has: (device) => local.get(device) ?? !device.startsWith('0:'),
    reaches: (path) =>
      Array.from(path.matchAll(/(?!^)(?=\/)|$/g), ({ index }) => path.slice(0, index)).every(
        (part) => !elsewhere.has(part) && isNoLink(part),
      ),
  };
}

/** As in `maps`, and more: a blank in the name of a mount point is `\040`. */
function unescapePoint(point: string): string {
  const bytes = point.replace(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
  return decodeText(Buffer.from(bytes, 'latin1'));
}

function isNoLink(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === false;
}

function readMountinfo(process: string): string {
  try {
    return fs.readFileSync(`/proc/${process}/mountinfo`, 'latin1');
  } catch {
    return '';
  }
}

/** `major:minor` of a mapping's file. */
export function deviceOf({ key }: Mapping): string {
  return key.slice(0, key.lastIndexOf(':'));
}

let child: string | undefined;

/** The child process' program, guarded-child.ts; without it this process reads all by itself. */
export function guardBy(program: string): void {
  child = program;
}

export function isGuarding(): boolean {
  return child !== undefined;
}

/** Length of each answer. */
const HEADER = 4;

/** What the child is asked. */
export type Question =
  | { readonly ask: 'look'; readonly files: readonly MappedFile[] }
  | { readonly ask: 'keys'; readonly paths: readonly string[] }
  | {
      readonly ask: 'traced';
      readonly files: readonly ProbeFile[];
      readonly processes: ReadonlyMap<number, readonly Mapping[]>;
    };

/** @returns what was found in each, in this order; fewer where the file behind the last did not answer in time. */
export function lookGuarded(files: readonly MappedFile[]): Look[] {
  return question({ ask: 'look', files }) as Look[];
}

/** The `statKey` of what each path leads to; undefined where it leads nowhere, or did not answer in time. */
export function keysGuarded(paths: readonly string[]): readonly (string | undefined)[] {
  return paths.length === 0 ? [] : (question({ ask: 'keys', paths }) as (string | undefined)[]);
}

/** Whether each site of each file is traced, as far as the memory of the processes could be read in time. */
export function tracedGuarded(
  files: readonly ProbeFile[],
  processes: ReadonlyMap<number, readonly Mapping[]>,
): (readonly (boolean | undefined)[])[] {
  return question({ ask: 'traced', files, processes }) as (boolean | undefined)[][];
}

/**
 * A process that waits for a lock in such a file system can't be killed before it has it, and `spawnSync` waits for the
 * end of what it kills. So it is a shell that it kills, and the reader is the shell's child. If this process is killed,
 * nobody waits any more: then the shell itself kills the reader after so many seconds.
 */
const SHELL = '/bin/sh';
const APART = `exec 3<&0
"$@" <&3 3<&- &
reader=$!
{ sleep "$0"; kill -9 $reader; } <&- >&- 3<&- &
wait $reader`;
const SECONDS = String(LIMITS.answerTime / 1000 + 1);

/** What still runs of the shell's process group. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** @returns the answers that came in time. */
function question(text: Question): unknown[] {
  if (child === undefined) throw new TypeError('guardBy() names no program');
  // Loaded when they are needed, which is hardly ever.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { deserialize, serialize } = process.getBuiltinModule('node:v8');
  const reader = [process.execPath, ...process.execArgv, child];
  const [command, ...args] = fs.existsSync(SHELL) ? [SHELL, '-c', APART, SECONDS, ...reader] : reader;
  const options: SpawnSyncOptionsWithBufferEncoding & { detached: boolean } = {
    input: serialize(text),
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
    timeout: LIMITS.answerTime,
    killSignal: 'SIGKILL',
    maxBuffer: LIMITS.answerBytes,
  };
  const { pid, stdout } = spawnSync(command!, args, options);
  if (pid > 0) killGroup(pid);
  const answers: unknown[] = [];
  for (let at = 0; stdout && at + HEADER <= stdout.length; ) {
    const end = at + HEADER + stdout.readUInt32LE(at);
    if (end > stdout.length) break;
    answers.push(deserialize(stdout.subarray(at + HEADER, end)));
    at = end;
  }
  return answers;
}

/** An answer of the child. */
export function encodeAnswer(answer: unknown): Buffer {
  const body = process.getBuiltinModule('node:v8').serialize(answer);
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(body.length);
  return Buffer.concat([header, body]);
}
