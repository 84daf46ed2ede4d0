/**
 * Opens files that may not be what they seem. Where another process' path leads is up to that process' user, who can
 * mount a FIFO there, whose opening waits for ever, or a device, whose opening does something. So a path is first looked
 * up without opening what it leads to (O_PATH), and opened only if that is the file which was expected.
 */

import * as fs from 'node:fs';
import { FailureError } from '../errors.ts';
import { shown } from '../text.ts';
import { statKey } from './maps.ts';
import type { ProbeFile } from './probe.ts';

/** linux/fcntl.h, on all of Node's architectures; fs.constants does not have it. */
const O_PATH = 0o10000000;
const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
const READ = O_RDONLY | (O_NONBLOCK ?? 0) | (O_NOCTTY ?? 0);

/** A path leads to something else than the file. */
export class OtherFileError extends Error {}

export interface OpenFile {
  readonly fd: number;
  readonly stat: fs.BigIntStats;
}

/** A file that the user named. @throws FailureError for what is not a regular file, or the system's error. */
export function openNamed(path: string): OpenFile {
  const fd = fs.openSync(path, READ);
  return checked(fd, (stat) => {
    if (!stat.isFile()) throw new FailureError(`${shown(path)}: not a regular file`);
  });
}

/**
 * A file that was found through another process.
 * @throws OtherFileError for what is not a regular file, or another than expected; the system's error.
 */
export function openFound(path: string, isExpected: (stat: fs.BigIntStats) => boolean): OpenFile {
  const { fd: handle, stat } = lookUp(path, isExpected);
  try {
    return { fd: fs.openSync(`/proc/self/fd/${handle}`, READ), stat };
  } finally {
    fs.closeSync(handle);
  }
}

/** What is needed to open a file again. */
export type Reopened = Pick<ProbeFile, 'openPath' | 'handle' | 'statKey'>;

/** A file whose probes were read, once more. @throws as openFound. */
export function reopen(file: Reopened): number {
  return openFound(lastingPath(file), (stat) => statKey(stat) === file.statKey).fd;
}

/** As reopen, but only to name it, as in `/proc/self/fd/N`: it can't be read. @throws as openFound. */
export function reopenAsPath(file: Reopened): number {
  return lookUp(lastingPath(file), (stat) => statKey(stat) === file.statKey).fd;
}

/** A path for this process only. */
export function lastingPath({ openPath, handle }: Pick<ProbeFile, 'openPath' | 'handle'>): string {
  return handle === undefined ? openPath : `/proc/self/fd/${handle}`;
}

function lookUp(path: string, isExpected: (stat: fs.BigIntStats) => boolean): OpenFile {
  return checked(fs.openSync(path, O_PATH), (stat) => {
    if (!stat.isFile()) throw new OtherFileError('its path leads to something that is not a regular file');
    if (!isExpected(stat)) throw new OtherFileError('its path leads to another file by now');
  });
}

function checked(fd: number, check: (stat: fs.BigIntStats) => void): OpenFile {
  try {
    const stat = fs.fstatSync(fd, { bigint: true });
    check(stat);
    return { fd, stat };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}
