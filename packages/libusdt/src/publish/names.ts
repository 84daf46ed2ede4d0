/**
 * The names in the folder. What does not match one of them is never touched: the folder may be one that its owner
 * also keeps other things in.
 *
 * - `libusdt-LABEL-HASH.so`, published: LABEL is for people, HASH the content's.
 * - `.tmp-PID-SCOPE-RANDOM`, being written by process PID. Process ids mean something only within one boot and one
 *   pid namespace, and a home folder may be shared by containers and machines: SCOPE tells them apart.
 * - `.lock-NAME`, held while the published file NAME is replaced.
 */

import { fs } from '../runtime/runtime.ts';

const PUBLISHED = /^libusdt-(?:[A-Za-z0-9_.-]+-)?[0-9a-f]{16,64}\.so$/;
const TEMPORARY = /^\.tmp-(\d{1,10})-([0-9a-z]+)-[0-9a-z]+$/;
const LOCK = /^\.lock-libusdt-[A-Za-z0-9_.-]+\.so$/;
/** NAME_MAX, less the room for `.lock-`. */
const LONGEST = 255 - '.lock-'.length;

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Replacing a file takes milliseconds. */
const LOCK_LIFE = MINUTE;
/** For temporary files whose writer can't be asked after: nobody writes one for a day. */
const TEMPORARY_LIFE = DAY;

/** The scope where none could be found out; never equal to another. */
const NO_SCOPE = '0';

/** Bytes of the build id (a hash of the content) in a file name. Enough to be unique; safety comes from comparing the content. */
const HASH_BYTES = 8;

export function publishedName(label: string, buildId: Uint8Array): string {
  const digits = Array.from(buildId.subarray(0, HASH_BYTES), (byte) => byte.toString(16).padStart(2, '0'));
  return `libusdt-${label}-${digits.join('')}.so`;
}

export function isPublishedName(name: string): boolean {
  return name.length <= LONGEST && PUBLISHED.test(name);
}

export function temporaryName(): string {
  const random = Math.random().toString(36).slice(2).padEnd(10, '0');
  return `.tmp-${process.pid}-${processScope()}-${random}`;
}

export function lockName(published: string): string {
  return `.lock-${published}`;
}

/**
 * Is it a leftover of a publisher that was killed?
 * @param age milliseconds since it was last written; negative if the clock was set back.
 */
export function isStale(name: string, age: number): boolean {
  if (LOCK.test(name)) return age > LOCK_LIFE;
  const match = TEMPORARY.exec(name);
  if (!match) return false;
  if (age > TEMPORARY_LIFE) return true;
  const [, pid, scope] = match;
  return scope === processScope() && scope !== NO_SCOPE && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Anything else than "no such process" (EPERM, a runtime's own permissions) does not say that it is dead.
    return (error as { code?: unknown }).code !== 'ESRCH';
  }
}

let scope: string | undefined;

/** This boot and pid namespace. The namespace's inode alone would do within one boot; the first one's is the same everywhere. */
function processScope(): string {
  if (scope !== undefined) return scope;
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 13).replace('-', '');
    const namespace = /\d+/.exec(fs.readlinkSync('/proc/self/ns/pid'))?.[0];
    scope = namespace === undefined ? NO_SCOPE : `${boot}n${namespace}`;
  } catch {
    scope = NO_SCOPE;
  }
  return scope;
}
