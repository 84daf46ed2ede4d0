/**
 * Finds tracefs, and says what is missing when it can't be used. Nothing is mounted here: that is for the administrator.
 * https://docs.kernel.org/trace/ftrace.html#the-file-system
 * @module
 */

import * as fs from 'node:fs';
import { systemCode, UnavailableError } from '../errors.ts';

/** Where tracefs is mounted, the usual place first; undefined when it is not. */
export function findTracefs(mounts: string = readMounts()): string | undefined {
  const found: string[] = [];
  for (const line of mounts.split('\n')) {
    const [, where, type] = line.split(' ');
    if (where === undefined) continue;
    const path = where.replaceAll('\\040', ' ');
    if (type === 'tracefs') found.push(path);
    // Looking into this folder makes the kernel mount tracefs there.
    if (type === 'debugfs') found.push(`${path}/tracing`);
  }
  found.sort((a, b) => Number(b === '/sys/kernel/tracing') - Number(a === '/sys/kernel/tracing'));
  return found.find((path) => fs.existsSync(`${path}/trace_clock`) || isForbidden(path)) ?? found[0];
}

function readMounts(): string {
  try {
    return fs.readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return '';
  }
}

function isForbidden(path: string): boolean {
  try {
    fs.accessSync(`${path}/trace_clock`);
    return false;
  } catch (error) {
    return systemCode(error) === 'EACCES';
  }
}

/**
 * The folder of a tracefs in which this process may define uprobe events.
 * @throws UnavailableError that names what is missing and how to get it.
 */
export function requireTracefs(): string {
  if (process.platform !== 'linux') throw new UnavailableError('tracing needs the Linux kernel');
  const path = findTracefs();
  if (path === undefined) {
    throw new UnavailableError(
      process.geteuid?.() === 0
        ? "tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing (in a container: start it with the host's /sys/kernel/tracing)"
        : 'tracefs is not mounted, or not for this user: run as root (sudo usdt ...)',
    );
  }
  try {
    // Never opened for truncation: that would remove everybody's events.
    fs.closeSync(fs.openSync(`${path}/uprobe_events`, fs.constants.O_RDWR | fs.constants.O_APPEND));
  } catch (error) {
    throw new UnavailableError(explain(path, systemCode(error)));
  }
  if (!fs.existsSync(`${path}/instances`)) {
    throw new UnavailableError(
      `${path}/instances is missing: this kernel is too old (3.10 or later is needed)`,
    );
  }
  return path;
}

function explain(path: string, code: string): string {
  switch (code) {
    case 'ENOENT':
      return fs.existsSync(`${path}/trace_clock`)
        ? `${path}/uprobe_events is missing: this kernel was built without CONFIG_UPROBE_EVENTS`
        : `${path} is empty: mount -t tracefs tracefs ${path}`;
    case 'EACCES':
      return `${path} is closed to this user: run as root (sudo usdt ...)`;
    case 'EPERM':
      return `the kernel is locked down and forbids tracing (see /sys/kernel/security/lockdown)`;
    case 'EROFS':
      return `${path} is mounted read-only: mount -o remount,rw ${path}`;
    default:
      return `${path}/uprobe_events can't be opened: ${code}`;
  }
}
