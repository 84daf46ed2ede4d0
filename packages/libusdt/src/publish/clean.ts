/**
 * Removing published files that nobody uses any more.
 *
 * A file is kept while it is young (every program that uses it renews its time stamp, at most once a day) or while a
 * process that can be seen has it mapped. Removing one that is mapped would break nothing but tracing: the mapping
 * stays, but tracers no longer find its file.
 */

import { UsdtError } from '../model/errors.ts';
import { show } from '../model/show.ts';
import { isProblem } from '../runtime/reasons.ts';
import { fs, join } from '../runtime/runtime.ts';
import { findFolder, folderCandidates } from './folder.ts';
import { isPublishedName } from './names.ts';
import { sweep } from './publish.ts';

export interface CleanOptions {
  /** Files that were not used for this many days go. Default 30; 0 means all that no process has mapped. */
  readonly olderThanDays?: number;
  /** Only this folder (an absolute path). Default: every one that libusdt would publish to. */
  readonly folder?: string;
}

export interface Cleaned {
  /** Absolute paths of the files that were removed. */
  readonly removed: string[];
  /** How many published files are still there. */
  readonly kept: number;
}

const DAY = 24 * 60 * 60_000;
const DEFAULT_DAYS = 30;

/**
 * Removes old published files, and what killed programs left. Touches nothing but libusdt's own files, and only in
 * folders that belong to this user alone; a folder that does not exist or can't be trusted counts as empty.
 * @throws UsdtError USDT_BAD_OPTION
 */
export function cleanCache(options: CleanOptions = {}): Cleaned {
  const { olderThanDays = DEFAULT_DAYS, folder } = options;
  if (typeof olderThanDays !== 'number' || !(olderThanDays >= 0)) {
    throw new UsdtError(
      'USDT_BAD_OPTION',
      `olderThanDays must be a number from 0, not ${show(olderThanDays)}`,
    );
  }
  if (folder !== undefined && typeof folder !== 'string') {
    throw new UsdtError('USDT_BAD_OPTION', `folder must be a path, not ${show(folder)}`);
  }
  const removed: string[] = [];
  let kept = 0;
  let mapped: ReadonlySet<string> | undefined;
  for (const candidate of folder === undefined ? folderCandidates(process.env) : [folder]) {
    const found = findFolder(candidate);
    if (isProblem(found)) continue;
    try {
      removed.push(...sweep(found));
      for (const name of fs.readdirSync(found.path)) {
        if (!isPublishedName(name)) continue;
        const path = join(found.path, name);
        if (!isOld(path, olderThanDays * DAY)) {
          kept++;
          continue;
        }
        mapped ??= mappedNames();
        // Asked again: looking through all processes takes a while, and one may have begun to use it.
        if (!mapped.has(name) && isOld(path, olderThanDays * DAY) && remove(path)) removed.push(path);
        else kept++;
      }
    } catch {
      // The folder vanished, or the runtime's permissions forbid listing it.
    }
  }
  return { removed, kept };
}

/** A regular file of ours, last used longer ago than that. Anything else is not for us to remove. */
function isOld(path: string, age: number): boolean {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.uid !== process.geteuid?.()) return false;
  // A time stamp may be a fraction of a millisecond ahead of the clock.
  return age === 0 || Date.now() - stat.mtimeMs >= age;
}

function remove(path: string): boolean {
  try {
    fs.unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Names of published files in the memory maps of all processes that let themselves be seen. Content-addressed, so the name is enough: it is the same in every container. */
function mappedNames(): Set<string> {
  const names = new Set<string>();
  let processes: string[];
  try {
    processes = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return names;
  }
  for (const pid of processes) {
    let maps: string;
    try {
      maps = fs.readFileSync(`/proc/${pid}/maps`, 'latin1');
    } catch {
      // Ended meanwhile, or another user's.
      continue;
    }
    for (const [, name] of maps.matchAll(/\/(libusdt-[A-Za-z0-9_.-]+\.so)(?: \(deleted\))?$/gm))
      names.add(name!);
  }
  return names;
}
