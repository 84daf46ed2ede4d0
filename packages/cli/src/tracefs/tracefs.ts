/**
 * Finds a tracefs in which uprobe events may be defined. Where none is mounted, or only one that can't be used, root
 * gets one that nobody else sees and that is gone when this process is. Otherwise an error says what is missing, and
 * the command to try next.
 * https://docs.kernel.org/trace/ftrace.html#the-file-system
 */

import * as fs from 'node:fs';
import { mountDetached } from 'libusdt/detached-mount';
import { systemCode, UnavailableError } from '../errors.ts';
import { requireLinux } from '../linux.ts';
import { rootCommand } from '../root.ts';

/** No tracefs that can be used. */
export class TracefsError extends UnavailableError {
  readonly problem: string;
  /** The command to try next. */
  readonly fix: string;

  constructor(problem: string, fix: string) {
    super(`${problem}: ${fix}`);
    this.problem = problem;
    this.fix = fix;
  }
}

export interface Tracefs {
  readonly path: string;
  /** This process' own, since the machine's can't be used: why not. */
  readonly instead?: string;
}

const USUAL = '/sys/kernel/tracing';
const MOUNT = `mount -t tracefs tracefs ${USUAL}`;
const SHOW_OPTIONS = "grep -E '_(FTRACE|UPROBE_EVENTS)=' /boot/config-$(uname -r)";

/**
 * The folders where tracefs is mounted, the usual place first, and those in debugfs where the kernel mounts it, for all
 * to see, when one looks into them.
 * @param mounts the text of /proc/self/mounts.
 */
export function tracefsFolders(mounts: string = readMounts()): {
  readonly mounted: string[];
  readonly automatic: string[];
} {
  const mounted: string[] = [];
  const automatic: string[] = [];
  for (const line of mounts.split('\n')) {
    const [, where, type] = line.split(' ');
    if (where === undefined) continue;
    const path = where.replaceAll('\\040', ' ');
    if (type === 'tracefs') mounted.push(path);
    if (type === 'debugfs') automatic.push(`${path}/tracing`);
  }
  mounted.sort((a, b) => Number(b === USUAL) - Number(a === USUAL));
  return { mounted, automatic: automatic.filter((path) => !mounted.includes(path)) };
}

function readMounts(): string {
  try {
    return fs.readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return '';
  }
}

let opened: Tracefs | undefined;

/**
 * A tracefs in which this process may define uprobe events; the same one every time.
 * @throws UnavailableError that names what is missing and what to try next.
 */
export function openTracefs(): Tracefs {
  opened ??= findUsable();
  return opened;
}

function findUsable(): Tracefs {
  requireLinux('tracing', "DTrace traces here, by what 'usdt script dtrace' prints");
  const { mounted, automatic } = tracefsFolders();
  const found = firstUsable(mounted);
  if ('path' in found) return found;
  const { refused } = found;
  if (process.geteuid?.() !== 0) {
    const problem = refused?.problem ?? 'tracefs is not mounted, or not for this user';
    throw new TracefsError(`${problem}, and tracing is for root`, rootCommand());
  }
  // Another mount leads to the same kernel: it helps against what is wrong with the mount alone.
  if (refused && !refused.isOfMount) throw refused.error;
  const mount = mountDetached('tracefs');
  const problem = refused?.problem ?? 'tracefs is not mounted';
  if ('path' in mount) {
    const own = firstUsable([mount.path]);
    if ('path' in own) return { ...own, instead: problem };
    throw own.refused.error;
  }
  const last = firstUsable(automatic);
  if ('path' in last) return last;
  throw notMountable(problem, refused?.error.fix ?? MOUNT, mount.code, mount.detail);
}

interface Refusal {
  readonly problem: string;
  readonly error: TracefsError;
  /** Rather than with the kernel. */
  readonly isOfMount: boolean;
}

function firstUsable(paths: readonly [string]): Tracefs | { readonly refused: Refusal };
function firstUsable(paths: readonly string[]): Tracefs | { readonly refused: Refusal | undefined };
function firstUsable(paths: readonly string[]): Tracefs | { readonly refused: Refusal | undefined } {
  let refused: Refusal | undefined;
  for (const path of paths) {
    const refusal = refusalOf(path);
    if (refusal === undefined) return { path };
    refused ??= refusal;
  }
  return { refused };
}

function refusalOf(path: string): Refusal | undefined {
  const refusal = (problem: string, fix: string, isOfMount: boolean): Refusal => ({
    problem,
    error: new TracefsError(problem, fix),
    isOfMount,
  });
  try {
    // Never opened for truncation: that would remove everybody's events.
    fs.closeSync(fs.openSync(`${path}/uprobe_events`, fs.constants.O_RDWR | fs.constants.O_APPEND));
  } catch (error) {
    switch (systemCode(error)) {
      case 'ENOENT':
        return fs.existsSync(`${path}/trace_clock`)
          ? refusal('this kernel was built without CONFIG_UPROBE_EVENTS', SHOW_OPTIONS, false)
          : refusal(`${path} is empty`, `mount -t tracefs tracefs ${path}`, true);
      case 'EACCES':
        return refusal(`${path} is closed to this user`, rootCommand(), true);
      case 'EPERM':
        return refusal(
          'the kernel is locked down and forbids tracing',
          'cat /sys/kernel/security/lockdown',
          false,
        );
      case 'EROFS':
        return refusal(`${path} is mounted read-only`, `mount -o remount,rw ${path}`, true);
      default:
        return refusal(`${path}/uprobe_events can't be opened (${systemCode(error)})`, MOUNT, true);
    }
  }
  if (fs.existsSync(`${path}/instances`)) return undefined;
  return refusal('this kernel is too old, 3.10 or later is needed', 'uname -r', false);
}

/**
 * @param fix what mends the problem for all to see.
 * @param code why this process could not get a tracefs of its own, as of `mountDetached`.
 */
function notMountable(problem: string, fix: string, code: string | undefined, detail: string): TracefsError {
  switch (code) {
    case 'ENODEV':
      return new TracefsError('this kernel has no tracefs (CONFIG_TRACING)', SHOW_OPTIONS);
    case 'EPERM':
    case 'EACCES':
      return new TracefsError(
        `${problem}, and this container may not mount it; start it again with`,
        `docker run --privileged -v ${USUAL}:${USUAL}`,
      );
    default:
      return new TracefsError(`${problem}, and usdt can't make one of its own (${detail})`, fix);
  }
}
