/**
 * The path by which the kernel is told of a file.
 */

import * as fs from 'node:fs';
import { isOneWord } from '../tracefs/uprobe-events.ts';
import { keyOf } from './maps.ts';
import { type Reopened, reopenAsPath } from './open-file.ts';
import type { ProbeFile } from './probe.ts';

/**
 * Events are defined by inode, so any name will do: the file's own where it works for the kernel, else this process'
 * open file. @throws OtherFileError when the file's path leads elsewhere by now, or the system's error.
 */
export function withKernelPath<T>(file: Reopened & Pick<ProbeFile, 'path'>, use: (path: string) => T): T {
  const { path, openPath, statKey } = file;
  // The kernel takes a name from our root, not the process'; and another file may have the name by now.
  if (path === openPath && isOneWord(path) && keyOf(path) === statKey) return use(path);
  const fd = reopenAsPath(file);
  try {
    return use(`/proc/${process.pid}/fd/${fd}`);
  } finally {
    fs.closeSync(fd);
  }
}
