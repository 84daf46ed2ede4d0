/**
 * Asks the kernel whether two paths lead to one file. A uprobe belongs to the inode that holds the data: below an
 * overlay mount that is one of its layers', so one file has another device in every container of an image. Only the
 * kernel knows which inode that is. Of two events with one name it refuses the second if it is on the same inode and
 * place (`trace_uprobe_has_same_uprobe` in kernel/trace/trace_uprobe.c, Linux 5.5), and takes it otherwise. The events
 * are never enabled, and gone when the answer is there.
 */

import { systemCode, UnavailableError } from '../errors.ts';
import { ownName } from '../tracefs/instance.ts';
import { openTracefs } from '../tracefs/tracefs.ts';
import { append, removeEvents } from '../tracefs/uprobe-events.ts';
import { withKernelPath } from './kernel-path.ts';
import type { Reopened } from './open-file.ts';
import type { ProbeFile } from './probe.ts';

type Named = Reopened & Pick<ProbeFile, 'path'>;

/** @returns undefined where the kernel can't be asked: no tracefs, no permission, an older kernel, a file that is gone. */
export function isSameToKernel(one: Named, other: Named): boolean | undefined {
  const tracefs = usableTracefs();
  if (tracefs === undefined) return undefined;
  const group = ownName();
  try {
    if (define(tracefs, group, one) !== 'taken') return undefined;
    const answer = define(tracefs, group, other);
    if (answer === undefined) return undefined;
    // Older kernels refuse or replace whatever has the name: then this is not what it seems.
    if (answer === 'taken') return define(tracefs, group, one) === 'same' ? false : undefined;
    return isMulti(tracefs, group, one) ? true : undefined;
  } finally {
    removeEvents(tracefs, group);
  }
}

function usableTracefs(): string | undefined {
  try {
    return openTracefs().path;
  } catch (error) {
    if (error instanceof UnavailableError) return undefined;
    throw error;
  }
}

function define(
  tracefs: string,
  group: string,
  file: Named,
  offset = '0x1000',
): 'taken' | 'same' | undefined {
  try {
    withKernelPath(file, (path) => append(tracefs, `p:${group}/same ${path}:${offset}`));
    return 'taken';
  } catch (error) {
    return systemCode(error) === 'EEXIST' ? 'same' : undefined;
  }
}

/** Whether this kernel has several places for one name at all. */
function isMulti(tracefs: string, group: string, file: Named): boolean {
  return define(tracefs, group, file, '0x1001') === 'taken' && define(tracefs, group, file) === 'same';
}
