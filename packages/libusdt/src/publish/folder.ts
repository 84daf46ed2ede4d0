/**
 * The folder that published files live in.
 *
 * What is in it gets loaded into the process, so whoever can change it can run code as this user. A folder is good
 * only if nobody but this user and root can put a file into it, or put another folder in its place:
 *
 * - it is a real folder, ours, without any permission for group and others. (An access control list that lets
 *   others in shows in the group bits of the mode, so it is seen too.)
 * - every folder above it belongs to us or to root, and only its owner can write to it. Sticky ones such as /tmp
 *   pass, since in them nobody can rename or remove what belongs to another. sshd calls this StrictModes.
 *
 * The checks are made on the canonical path, and the canonical path is what is used afterwards: it has no symbolic
 * link that could change its mind between the check and the use.
 */

import type { Stats } from 'node:fs';
import type { Problem } from '../runtime/reasons.ts';
import { errorCode, isProblem, problemFrom } from '../runtime/reasons.ts';
import { basename, dirname, fs, homedir, isAbsolute, join, resolve } from '../runtime/runtime.ts';

/** A folder that passed every check. */
export interface Folder {
  /** Canonical: absolute, free of symbolic links. */
  readonly path: string;
}

/** `process.env`, or what a test puts in its place. */
export type Environment = Readonly<Record<string, string | undefined>>;

const FOLDER_MODE = 0o700;
const PERMISSIONS_OF_OTHERS = 0o077;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
/** Not O_PATH: a folder that can't be read can't be cleaned either. */
const OPEN_FOLDER = fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0) | (fs.constants.O_NOFOLLOW ?? 0);

/**
 * Where to publish, best first. If LIBUSDT_DIR is set, it is the only candidate.
 * XDG_RUNTIME_DIR and the home folder are left out where they don't exist: making them is the login's task, and a
 * stale XDG_RUNTIME_DIR under sudo would have root make the user's.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function folderCandidates(env: Environment): string[] {
  const chosen = variable(env, 'LIBUSDT_DIR');
  if (chosen) return [chosen];
  const candidates: string[] = [];
  const runtime = variable(env, 'XDG_RUNTIME_DIR');
  if (runtime && isAbsolute(runtime) && mayExist(runtime)) candidates.push(join(runtime, 'libusdt'));
  const cache = variable(env, 'XDG_CACHE_HOME');
  if (cache && isAbsolute(cache)) candidates.push(join(cache, 'libusdt'));
  const home = variable(env, 'HOME') || systemHome();
  if (home && isAbsolute(home) && mayExist(home)) {
    const candidate = join(home, '.cache', 'libusdt');
    if (!candidates.includes(candidate)) candidates.push(candidate);
  }
  return candidates;
}

function variable(env: Environment, name: string): string | undefined {
  try {
    return env[name];
  } catch {
    // Deno without --allow-env.
    return undefined;
  }
}

/** False only if it certainly isn't there: what can't be looked at becomes a candidate, and its problem is told. */
function mayExist(path: string): boolean {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function systemHome(): string | undefined {
  try {
    return homedir();
  } catch {
    // A user that is not in the password file, or Deno without --allow-sys.
    return undefined;
  }
}

/** Checks a folder, and creates it (mode 0700, with what is missing above it) if it does not exist. */
export function openFolder(path: string): Folder | Problem {
  return examineFolder(path, true);
}

/** As openFolder, but a folder that does not exist is a problem. Changes nothing. */
export function findFolder(path: string): Folder | Problem {
  return examineFolder(path, false);
}

/** The first candidate that passes; if none does, a problem that names each one's. */
export function chooseFolder(env: Environment): Folder | Problem {
  const problems: Problem[] = [];
  for (const candidate of folderCandidates(env)) {
    const folder = openFolder(candidate);
    if (!isProblem(folder)) return folder;
    problems.push(folder);
  }
  return combineProblems(problems);
}

/** One problem out of several places that were tried in turn. The reason is the first one's, the preferred place's. */
export function combineProblems(problems: readonly Problem[]): Problem {
  const [first] = problems;
  if (!first) {
    const detail =
      'there is no home folder and no XDG_RUNTIME_DIR (under Deno, they need --allow-env --allow-sys): set LIBUSDT_DIR to a folder of your own with mode 0700';
    return { path: '', reason: 'folder-not-usable', detail };
  }
  return { ...first, detail: problems.map((problem) => problem.detail).join('; ') };
}

function examineFolder(requested: string, create: boolean): Folder | Problem {
  let user: number | undefined;
  try {
    user = process.geteuid?.();
  } catch (error) {
    return problemFrom(error, requested, requested);
  }
  if (user === undefined) {
    const detail = 'this platform has no file owners, so no folder can be trusted with code';
    return { path: requested, reason: 'platform-not-supported', detail };
  }
  if (!isAbsolute(requested)) {
    return unusable(requested, `the path of the folder must be absolute, not ${JSON.stringify(requested)}`);
  }
  if (requested.includes('\0')) return unusable(requested, 'the path of the folder has a NUL character');
  const path = resolve(requested);
  if (dirname(path) === path) return unusable(path, `${path} is the root folder: name a folder of your own`);

  // The part that exists is resolved; the rest can't hold a symbolic link, or won't pass when looked at.
  let existing = dirname(path);
  const missing = [basename(path)];
  let current: string | undefined;
  while (current === undefined) {
    try {
      current = fs.realpathSync.native(existing);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || dirname(existing) === existing)
        return problemFrom(error, existing, path);
      missing.unshift(basename(existing));
      existing = dirname(existing);
    }
  }
  for (const parent of chain(current)) {
    const problem = examineParent(parent, path, user);
    if (problem) return problem;
  }
  for (const [index, name] of missing.entries()) {
    current = join(current, name);
    const problem = create ? makeFolder(current, path) : undefined;
    if (problem) return problem;
    const wrong = index < missing.length - 1 ? examineParent(current, path, user) : examineOwn(current, user);
    if (wrong) return wrong;
  }
  return { path: current };
}

/** A path and all above it, from the root down. */
function chain(path: string): string[] {
  const parents = [path];
  for (let at = path; dirname(at) !== at; at = dirname(at)) parents.unshift(dirname(at));
  return parents;
}

function makeFolder(path: string, folder: string): Problem | undefined {
  try {
    if (!fs.lstatSync(path, { throwIfNoEntry: false })) fs.mkdirSync(path, { mode: FOLDER_MODE });
  } catch (error) {
    // Another process may have made it meanwhile. What it is gets looked at anyway.
    if (errorCode(error) !== 'EEXIST') return problemFrom(error, path, folder);
  }
  return undefined;
}

function examineParent(path: string, folder: string, user: number): Problem | undefined {
  let stat: Stats;
  try {
    stat = fs.lstatSync(path);
  } catch (error) {
    return problemFrom(error, path, folder);
  }
  if (!stat.isDirectory()) return notFolder(path, stat);
  if (stat.uid !== 0 && stat.uid !== user) {
    return unusable(
      path,
      `${path} belongs to user ${stat.uid}, who could replace what is in it: set LIBUSDT_DIR to a folder below one that belongs to you (user ${user}) or root`,
    );
  }
  if ((stat.mode & WRITABLE_BY_OTHERS) !== 0 && (stat.mode & STICKY) === 0) {
    return unusable(
      path,
      `others can write to ${path} (mode ${octal(stat.mode)}) and replace what is in it: chmod go-w ${path}, or set LIBUSDT_DIR to a folder elsewhere`,
    );
  }
  return undefined;
}

function examineOwn(path: string, user: number): Problem | undefined {
  let stat: Stats;
  let descriptor: number | undefined;
  try {
    const seen = fs.lstatSync(path);
    if (!seen.isDirectory()) return notFolder(path, seen);
    descriptor = fs.openSync(path, OPEN_FOLDER);
    stat = fs.fstatSync(descriptor);
    // Some runtime may drop open flags that it does not know: O_NOFOLLOW must not depend on that.
    if (stat.dev !== seen.dev || stat.ino !== seen.ino) {
      return unusable(path, `${path} was replaced while it was looked at: find out by whom`);
    }
  } catch (error) {
    return problemFrom(error, path, path);
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
  if (!stat.isDirectory()) return notFolder(path, stat);
  if (stat.uid !== user) {
    return unusable(
      path,
      `${path} belongs to user ${stat.uid}, not to user ${user}, who runs this: remove it, or set LIBUSDT_DIR to a folder of your own`,
    );
  }
  if ((stat.mode & PERMISSIONS_OF_OTHERS) !== 0) {
    return unusable(
      path,
      `others have access to ${path} (mode ${octal(stat.mode)}): set LIBUSDT_DIR to a folder of your own with mode 0700 (or, if this one is for libusdt alone and nothing strange is in it, chmod 700 ${path})`,
    );
  }
  return undefined;
}

function notFolder(path: string, stat: Stats): Problem {
  return stat.isSymbolicLink()
    ? unusable(path, `${path} is a symbolic link: set LIBUSDT_DIR to the folder that it names`)
    : unusable(path, `${path} is not a folder: remove it, or set LIBUSDT_DIR to a folder elsewhere`);
}

function unusable(path: string, detail: string): Problem {
  return { path, reason: 'folder-not-usable', detail };
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
