/**
 * Publishing: bytes in memory become a file that tracers find and the loader maps.
 *
 * - The file's name is made from its content, so the expected bytes are always at hand: a file that is there already
 *   is compared with them, all of it, before anyone loads it. What differs in content, mode, owner or kind is
 *   replaced, never loaded and never repaired in place (a process may have it mapped).
 * - Tracers attach by inode, so everybody who publishes the same bytes must end up with the same one. A new file is
 *   written under a temporary name and then *linked* to its name: that succeeds for one process only, and the others
 *   take what that one made. rename would let each put its own file there.
 * - There is no fsync. A power cut may leave a file with its name and without its content; the comparison finds that
 *   at the next start. An fsync would cost each first start milliseconds and prove nothing more.
 * - The mode is 0755 because bpftrace and bcc pass over files without an execute bit, and exactly that, because a
 *   file that others may write to has perhaps been opened by one who still holds the descriptor.
 */

import type { Stats } from 'node:fs';
import { errorCode, isProblem, type Problem, problemFrom } from '../runtime/reasons.ts';
import { Buffer, dirname, fs, join } from '../runtime/runtime.ts';
import { combineProblems, type Folder, openFolder } from './folder.ts';
import { isPublishedName, isStale, lockName, temporaryName } from './names.ts';

export interface Published {
  /** Absolute, canonical path. */
  readonly file: string;
  /** True if this call wrote it. */
  readonly created: boolean;
}

const FILE_MODE = 0o755;
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
/** Node, Bun and Deno add O_CLOEXEC themselves. O_NONBLOCK: opening a pipe must not wait for a writer. */
const OPEN_READ = O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
const OPEN_NEW = O_WRONLY | O_CREAT | O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);

/** So much is compared at a time. */
const PART = 65536;

const DAY = 24 * 60 * 60_000;
/** How long to wait for another process that replaces the same file. It takes milliseconds. */
const LOCK_PATIENCE = 1000;
const LOCK_PAUSE = 5;
const LOCK_LIMIT = 3 * LOCK_PATIENCE;
/** A file can vanish between two looks (cleaning), but not for ever. */
const ATTEMPTS = 8;

/** File systems without hard links: FAT, some network and user-space ones. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EXDEV',
]);

/**
 * Makes sure that the folder has a file of this name with these bytes, and that every process which asks for it gets
 * the same inode.
 * @param folder one that openFolder() returned.
 * @param name `libusdt-LABEL-HASH.so`, HASH being 16 to 64 hex digits that depend on the bytes.
 * @throws RangeError if the name is of another form: a mistake in the program.
 */
export function publish(folder: Folder, name: string, bytes: Uint8Array): Published | Problem {
  if (!isPublishedName(name)) throw new RangeError(`not a name of a published file: ${JSON.stringify(name)}`);
  const file = join(folder.path, name);
  try {
    sweepOnce(folder);
    if (verify(file, bytes) === 'same') return { file, created: false };
    const temporary = join(folder.path, temporaryName());
    try {
      const problem = write(temporary, bytes);
      return problem ?? place(folder, name, temporary, bytes);
    } finally {
      remove(temporary);
    }
  } catch (error) {
    return problemFrom(error, file, folder.path);
  }
}

/**
 * Publishes in the first folder where everything works: it passes the checks, takes the file, and `accept` is content.
 * @param paths see folderCandidates().
 * @param accept what the caller does with the file, such as loading it. A problem makes it go on to the next folder.
 */
export function publishFirst<Result extends object>(
  paths: readonly string[],
  name: string,
  bytes: Uint8Array,
  accept: (published: Published) => Result | Problem,
): Result | Problem {
  const problems: Problem[] = [];
  for (const path of paths) {
    const folder = openFolder(path);
    const published = isProblem(folder) ? folder : publish(folder, name, bytes);
    const result = isProblem(published) ? published : accept(published);
    if (!isProblem(result)) return result;
    problems.push(result);
  }
  return combineProblems(problems);
}

type Verdict = 'same' | 'different' | 'missing';

/** Compares what is there with what should be. Throws what the system says when it can't be told. */
function verify(file: string, bytes: Uint8Array): Verdict {
  const seen = fs.lstatSync(file, { throwIfNoEntry: false });
  if (!seen) return 'missing';
  if (!isAsPublished(seen, bytes.length)) return 'different';
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, OPEN_READ);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return 'missing';
    if (code === 'ELOOP') return 'different';
    throw error;
  }
  try {
    const stat = fs.fstatSync(descriptor);
    // The second look is the one that counts; that both see one file holds even if a runtime drops O_NOFOLLOW.
    if (!isAsPublished(stat, bytes.length) || stat.dev !== seen.dev || stat.ino !== seen.ino)
      return 'different';
    if (!hasContent(descriptor, bytes)) return 'different';
    if (Date.now() - stat.mtimeMs > DAY) touch(file);
    return 'same';
  } finally {
    fs.closeSync(descriptor);
  }
}

function isAsPublished(stat: Stats, size: number): boolean {
  return (
    stat.isFile() &&
    stat.uid === process.geteuid?.() &&
    (stat.mode & 0o7777) === FILE_MODE &&
    stat.size === size
  );
}

function hasContent(descriptor: number, bytes: Uint8Array): boolean {
  const part = Buffer.allocUnsafe(Math.min(bytes.length + 1, PART));
  for (let at = 0; ; ) {
    const count = fs.readSync(descriptor, part, 0, part.length, at);
    if (count === 0) return at === bytes.length;
    // What a file has beyond the expected end differs too: there is nothing to compare it with.
    if (!part.subarray(0, count).equals(bytes.subarray(at, at + count))) return false;
    at += count;
  }
}

/** Tells cleanCache() that the file is in use. A file that is used where nothing can be written stays as old as it is. */
function touch(file: string): void {
  const now = new Date();
  try {
    fs.utimesSync(file, now, now);
  } catch {}
}

/** Writes a complete file with the right mode. */
function write(temporary: string, bytes: Uint8Array): Problem | undefined {
  const descriptor = fs.openSync(temporary, OPEN_NEW, FILE_MODE);
  let open = true;
  try {
    for (let at = 0; at < bytes.length; ) {
      const count = fs.writeSync(descriptor, bytes, at, bytes.length - at);
      if (count === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
      at += count;
    }
    // Unless the umask is 022.
    if (!isAsPublished(fs.fstatSync(descriptor), bytes.length)) setMode(descriptor, temporary);
    const stat = fs.fstatSync(descriptor);
    // A network file system may find out about a full disk only now.
    open = false;
    fs.closeSync(descriptor);
    if (isAsPublished(stat, bytes.length)) return undefined;
    const detail = `the file system of ${dirname(temporary)} does not keep a file's owner and mode: set LIBUSDT_DIR to a folder elsewhere`;
    return { path: dirname(temporary), reason: 'folder-not-usable', detail };
  } finally {
    if (open) fs.closeSync(descriptor);
  }
}

function setMode(descriptor: number, path: string): void {
  try {
    fs.fchmodSync(descriptor, FILE_MODE);
  } catch {
    // Node's permission model switches fchmod off. The path is as good: nobody else can put anything there.
    fs.chmodSync(path, FILE_MODE);
  }
}

/** Gives the temporary file its name, or finds that another process was first. */
function place(folder: Folder, name: string, temporary: string, bytes: Uint8Array): Published | Problem {
  const file = join(folder.path, name);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      fs.linkSync(temporary, file);
      return { file, created: true };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') {
        if (!NO_LINKS.has(errorCode(error))) throw error;
        return replace(folder, name, temporary, bytes);
      }
    }
    const verdict = verify(file, bytes);
    if (verdict === 'same') return { file, created: false };
    if (verdict === 'different') return replace(folder, name, temporary, bytes);
  }
  const detail = `${file} disappears as often as it is looked at: find out which program removes it`;
  return { path: file, reason: 'folder-not-usable', detail };
}

/**
 * Renames the temporary file over what is there. Of several processes that find the same bad file, only one may:
 * each would put its own inode there, and the ones that loaded an earlier one would be lost to tracers.
 */
function replace(folder: Folder, name: string, temporary: string, bytes: Uint8Array): Published | Problem {
  const file = join(folder.path, name);
  const lock = join(folder.path, lockName(name));
  for (;;) {
    const held = takeLock(lock);
    try {
      if (verify(file, bytes) === 'same') return { file, created: false };
      if (fs.lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) fs.rmdirSync(file);
      // Two that found a dead one's lock may have taken it from each other.
      if (held !== undefined && inodeOf(lock) !== held) continue;
      fs.renameSync(temporary, file);
      return { file, created: true };
    } catch (error) {
      if (errorCode(error) !== 'ENOTEMPTY') throw error;
      const detail = `${file} is a folder, and not an empty one: remove it`;
      return { path: file, reason: 'folder-not-usable', detail };
    } finally {
      if (held !== undefined && inodeOf(lock) === held) remove(lock);
    }
  }
}

/**
 * Waits for its holder. One who takes longer than a second was killed.
 * @returns the lock's inode; undefined if it could not be had, with a clock that was set back: then it looks young for
 *   ever, and going on without it is better than hanging.
 */
function takeLock(lock: string): number | undefined {
  const end = Date.now() + LOCK_LIMIT;
  for (;;) {
    try {
      const descriptor = fs.openSync(lock, OPEN_NEW, 0o600);
      try {
        return fs.fstatSync(descriptor).ino;
      } finally {
        fs.closeSync(descriptor);
      }
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const held = fs.lstatSync(lock, { throwIfNoEntry: false });
    if (held && Date.now() - held.mtimeMs > LOCK_PATIENCE) remove(lock);
    else if (Date.now() > end) return undefined;
    else pause(LOCK_PAUSE);
  }
}

function inodeOf(path: string): number | undefined {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.ino;
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function remove(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {}
}

const swept = new Set<string>();

/** Removes what killed publishers left. Once per process and folder: it reads the whole folder. */
function sweepOnce(folder: Folder): void {
  if (swept.has(folder.path)) return;
  swept.add(folder.path);
  try {
    sweep(folder);
  } catch {
    // A folder that can't be listed or written to may still have the file.
  }
}

/** Removes leftovers of killed publishers and returns their paths. */
export function sweep(folder: Folder): string[] {
  const removed: string[] = [];
  for (const name of fs.readdirSync(folder.path)) {
    if (!name.startsWith('.')) continue;
    const path = join(folder.path, name);
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.uid !== process.geteuid?.() || !isStale(name, Date.now() - stat.mtimeMs))
      continue;
    try {
      fs.unlinkSync(path);
      removed.push(path);
    } catch {}
  }
  return removed;
}
