/**
 * Whether two paths lead to one file for the kernel's uprobes. Device and inode do not tell: overlay mounts, as
 * containers have, show a device of their own for a file that they share, and the inode number of the file below for a
 * copy that they do not. So the kernel is asked; where it can't be, the times of the last changes decide.
 */

import * as fs from 'node:fs';
import { statKey } from './maps.ts';
import { lastingPath } from './open-file.ts';
import type { ProbeFile } from './probe.ts';
import { isSameToKernel } from './same-to-kernel.ts';

/** statfs(2), linux/magic.h. */
const OVERLAYFS = 0x794c7630;
const FUSE = 0x65735546;

export function isSameFile(one: ProbeFile, other: ProbeFile): boolean {
  if (one.statKey === other.statKey) return true;
  if (!haveSameSites(one, other)) return false;
  return isSameToKernel(one, other) ?? isSameByTimes(one, other);
}

/** What differs in its probes need not be asked about. */
function haveSameSites(one: ProbeFile, other: ProbeFile): boolean {
  return (
    one.machine === other.machine &&
    one.sites.length === other.sites.length &&
    one.sites.every((site, index) => {
      const { offset, sdtProvider, sdtName, argumentText } = other.sites[index]!;
      return (
        site.offset === offset &&
        site.sdtProvider === sdtProvider &&
        site.sdtName === sdtName &&
        site.argumentText === argumentText
      );
    })
  );
}

/** Overlay mounts pass on the times of the file below, and a copy in an upper layer was changed when it was made. */
function isSameByTimes(...files: readonly [ProbeFile, ProbeFile]): boolean {
  try {
    const paths = files.map(lastingPath);
    const types = paths.map((path) => fs.statfsSync(path).type);
    if (types.includes(FUSE) || !types.includes(OVERLAYFS)) return false;
    const [a, b] = paths.map((path) => fs.statSync(path, { bigint: true }));
    // What has its path by now is another file.
    if (statKey(a!) !== files[0].statKey || statKey(b!) !== files[1].statKey) return false;
    return (['ino', 'size', 'mtimeNs', 'ctimeNs', 'birthtimeNs'] as const).every(
      (field) => a![field] === b![field],
    );
  } catch {
    return false;
  }
}
