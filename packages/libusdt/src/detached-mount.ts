/**
 * A file system that is mounted nowhere: a descriptor leads to it, no other process sees it, and it is gone when the
 * process is, also by SIGKILL. For the command `usdt`; no part of the library's API.
 * https://man7.org/linux/man-pages/man2/fsmount.2.html
 */

import { openLibc } from './platform/libc.ts';
import { openPassingEngine, processArch } from './platform/loading.ts';
import { errorCode, isProblem, messageOf } from './runtime/reasons.ts';

/** System calls since Linux 5.2; their numbers are the same on all architectures. */
const FSOPEN = 430;
const FSCONFIG = 431;
const FSMOUNT = 432;
// https://github.com/torvalds/linux/blob/master/include/uapi/linux/mount.h
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;

export type DetachedMount =
  /** The folder that is the file system's root, for this process, while it lives. */
  | { readonly path: string }
  /** `code`: the errno's name if the kernel refused; undefined if no system call could be made. */
  | { readonly code: string | undefined; readonly detail: string };

/** @param type as of mount(8): `tracefs`. Programs that this process starts do not inherit it. */
export function mountDetached(type: string): DetachedMount {
  const arch = processArch();
  if (typeof arch !== 'string') return { code: undefined, detail: arch.detail };
  const engine = openPassingEngine(arch, 'elf');
  if (isProblem(engine)) return { code: undefined, detail: engine.detail };
  const libc = openLibc(engine);
  try {
    const context = libc.syscall(FSOPEN, type, FSOPEN_CLOEXEC);
    try {
      libc.syscall(FSCONFIG, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
      return { path: `/proc/self/fd/${libc.syscall(FSMOUNT, context, FSMOUNT_CLOEXEC, 0)}` };
    } finally {
      libc.close(context);
    }
  } catch (error) {
    return { code: errorCode(error), detail: messageOf(error) };
  }
}
