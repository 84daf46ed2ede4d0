/**
 * Why probes can't be made visible on this machine, as a value. None of these is a mistake in the program, so none
 * is thrown: the probes stay silent, the program goes on, and the status carries the reason for programs and a
 * sentence for people.
 */

import { join, types } from './runtime.ts';

/** What stands in the way, for programs. New ones may be added; the ones that are here keep their meaning. */
export type UnavailableReason =
  /** No tracer that libusdt knows runs on this operating system. Nothing to do; the calls cost nothing. */
  | 'platform-not-supported'
  /** The processor is one that libusdt has no code generator for. Run a build of the runtime for one of those that the detail names. */
  | 'architecture-not-supported'
  /** The runtime forbids native code. Node: add `--allow-addons` beside `--permission`, drop `--no-addons`. Deno: add `--allow-ffi`. */
  | 'addons-forbidden'
  /** No folder passes the checks of docs/security.md. Correct what the detail names, or set LIBUSDT_DIR to a folder of your own with mode 0700. */
  | 'folder-not-usable'
  /** The folder is on a read-only file system, or permissions forbid writing. Mount a small tmpfs and set LIBUSDT_DIR, or grant the permission. */
  | 'folder-not-writable'
  /** The folder's file system is mounted noexec. Set LIBUSDT_DIR to a folder on one that is not. */
  | 'folder-not-executable'
  /** The file system or the user's quota is full. Free some space (`cleanCache()` may help), or set LIBUSDT_DIR. */
  | 'disk-full'
  /** The dynamic loader refused the file; the detail has its words. Look for a security module's (SELinux, AppArmor) or seccomp's denial. */
  | 'load-failed'
  /** The file of the option `image` is not there, or may not be read. Ship it with the program, or correct the path. */
  | 'image-missing'
  /** The file of the option `image` is not what this version makes of the definition. Build it again: `usdt build`. */
  | 'image-different'
  /** The file of the option `image` is for another processor. Build it with `usdt build --target`. */
  | 'image-wrong-architecture'
  /** DTrace's helper device did not take the probes; the detail says why: it is missing, or not for this user, or the document breaks a rule. */
  | 'registration-refused'
  /** The system had no memory left for the mapping. Raise the limit (ulimit -v, the container's memory) or free some. */
  | 'out-of-memory'
  /** The process or the system has no file descriptor left. Raise `ulimit -n`, or look for a descriptor leak. */
  | 'out-of-descriptors';

/** An environmental failure, returned instead of thrown. */
export interface Problem {
  /** The file or folder it is about. */
  readonly path: string;
  readonly reason: UnavailableReason;
  /** A sentence for a person, with what to do. */
  readonly detail: string;
}

/** Tells a problem from the result of an operation that can fail. */
export function isProblem(value: object): value is Problem {
  return 'reason' in value;
}

/** Thrown where a part of this package can't be read that is read when it is needed first. */
export class MissingPart extends Error {}

const MOVE = 'set LIBUSDT_DIR to a folder elsewhere';

/** What the usual errno values mean for a person. `%` stands for the path. */
const BY_CODE: Readonly<Record<string, readonly [UnavailableReason, string]>> = {
  ENOSPC: ['disk-full', `the file system of % is full: free some space, or ${MOVE}`],
  EDQUOT: ['disk-full', `the disk quota for % is used up: free some space, or ${MOVE}`],
  EFBIG: ['disk-full', `a file size limit (ulimit -f) forbids writing %: raise it`],
  EROFS: ['folder-not-writable', `% is on a read-only file system: mount a tmpfs for it, or ${MOVE}`],
  EACCES: ['folder-not-writable', `permission denied for %: correct owner and mode, or ${MOVE}`],
  EPERM: ['folder-not-writable', `operation not permitted on %: correct owner and mode, or ${MOVE}`],
  ENOENT: ['folder-not-usable', `% does not exist, or was removed meanwhile: create it, or ${MOVE}`],
  ENOTDIR: ['folder-not-usable', `a part of % is not a folder: remove that file, or ${MOVE}`],
  ELOOP: ['folder-not-usable', `% is or leads through a symbolic link that is not followed: ${MOVE}`],
  ENAMETOOLONG: ['folder-not-usable', `% is too long a path: ${MOVE} with a shorter one`],
  ENOMEM: ['out-of-memory', 'the system had no memory left for %: free some, or raise the limit'],
  EMFILE: ['out-of-descriptors', 'no file descriptor was left to open %: raise ulimit -n'],
  ENFILE: ['out-of-descriptors', 'the system had no file descriptor left to open %: raise fs.file-max'],
};

const DENO_FLAGS = '--allow-ffi --allow-read --allow-write --allow-env --allow-sys';

/** The `code` of a system error, or ''. */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** What an error says. An error of Node's own, as seen from a node:vm context, is no instance of the context's Error. */
export function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}

export function isDeniedByDeno(error: unknown): boolean {
  return types.isNativeError(error) && error.name === 'NotCapable';
}

/**
 * Turns what a file system call threw into a problem.
 * @param path what the call was about.
 * @param folder the one that is, or would be, published to; what permissions have to be granted for.
 */
export function problemFrom(error: unknown, path: string, folder: string): Problem {
  if (isDeniedByDeno(error)) {
    const detail = `Deno's permissions forbid access to ${path}: run with ${DENO_FLAGS}`;
    return { path, reason: 'folder-not-writable', detail };
  }
  const code = errorCode(error);
  if (code === 'ERR_ACCESS_DENIED') {
    // With the star it holds for a folder too that does not exist when the process starts.
    const flags = `--allow-fs-read=* --allow-fs-write=${join(folder, '*')} --allow-addons`;
    const detail = `Node's permission model forbids access to ${path}: run with ${flags}`;
    return { path, reason: 'folder-not-writable', detail };
  }
  const known = BY_CODE[code];
  if (known) {
    const [reason, sentence] = known;
    return { path, reason, detail: `${sentence.replace('%', () => path)} (${code})` };
  }
  const words = messageOf(error);
  return { path, reason: 'folder-not-usable', detail: `${path} can't be used: ${words}; ${MOVE}` };
}
