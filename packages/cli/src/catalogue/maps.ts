/**
 * `/proc/PID/maps`: the files that a process has in its memory.
 * https://docs.kernel.org/filesystems/proc.html
 */

import * as fs from 'node:fs';
import { decodeText } from 'libusdt/codecs';

export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly executable: boolean;
  /** Private and writable: where semaphores are. */
  readonly writable: boolean;
  /** Place in the file that `start` shows. */
  readonly offset: bigint;
  /** `major:minor:inode`, numbers in decimal. */
  readonly key: string;
  readonly path: string;
  /** The file has no name any more, or never had one (memfd). */
  readonly deleted: boolean;
  /** The range as it is written in `maps`, which is the name of its entry in `map_files`. */
  readonly range: string;
}

const LINE = /^(([0-9a-f]+)-([0-9a-f]+)) (.{4}) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) +(\/.*)$/s;
const DELETED = ' (deleted)';

/**
 * @param text as latin1, which keeps the bytes of names.
 * @param inodes of the files that matter; undefined for all.
 * @returns the mappings of files; those of anonymous memory and of the kernel's own pages are left out.
 */
export function parseMaps(text: string, inodes?: ReadonlySet<string>): Mapping[] {
  const mappings: Mapping[] = [];
  // Nearly all processes map none of them.
  if (inodes !== undefined && !Array.from(inodes).some((inode) => text.includes(` ${inode} `)))
    return mappings;
  for (const line of text.split('\n')) {
    // Most lines of a large process have no file: skip them before the expression.
    if (!line.includes('/')) continue;
    const match = LINE.exec(line);
    if (!match) continue;
    const [, range, start, end, permissions, offset, major, minor, inode, rest] =
      match as unknown as string[];
    if (inode === '0' || inodes?.has(inode!) === false) continue;
    const deleted = rest!.endsWith(DELETED);
    mappings.push({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      executable: permissions!.includes('x'),
      writable: permissions!.includes('w'),
      offset: BigInt(`0x${offset}`),
      key: fileKey(Number.parseInt(major!, 16), Number.parseInt(minor!, 16), inode!),
      path: unescapePath(deleted ? rest!.slice(0, -DELETED.length) : rest!),
      deleted,
      range: range!,
    });
  }
  return mappings;
}

export function fileKey(major: number, minor: number, inode: string | bigint): string {
  return `${major}:${minor}:${inode}`;
}

/** The inode number in a key. */
export function inodeOf(key: string): string {
  return key.slice(key.lastIndexOf(':') + 1);
}

/** The key of a file by its `stat` (dev as in makedev(3) of Linux). */
export function statKey({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  const major = Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n));
  const minor = Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n));
  return fileKey(major, minor, ino);
}

/** The key of what a path leads to; undefined if that is nothing, or not for us. */
export function keyOf(path: string): string | undefined {
  try {
    return statKey(fs.statSync(path, { bigint: true }));
  } catch {
    return undefined;
  }
}

/** The kernel writes a newline in a name as \012, and all other bytes as they are. */
function unescapePath(path: string): string {
  return decodeText(Buffer.from(path.replaceAll('\\012', '\n'), 'latin1'));
}
