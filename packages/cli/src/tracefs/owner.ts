/**
 * Names that tell who made something in tracefs: `usdt_PID_START_NAMESPACE_N`, with the time that the process started
 * (a later process may get the same number) and its PID namespace (in another one, the number means something else).
 * So what a killed `usdt` left behind can be told from what belongs to one that runs.
 */

import * as fs from 'node:fs';
import { pidNamespace } from '../pid-namespace.ts';

export interface Owner {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process. */
  readonly start: string;
  /** Inode of the PID namespace. */
  readonly namespace: string;
}

const NAME = /^usdt_(\d+)_(\d+)_(\d+)_(\d+)$/;

export function ownerName({ pid, start, namespace }: Owner, n: number): string {
  return `usdt_${pid}_${start}_${namespace}_${n}`;
}

export function parseOwner(name: string): Owner | undefined {
  const match = NAME.exec(name);
  return match ? { pid: Number(match[1]), start: match[2]!, namespace: match[3]! } : undefined;
}

export function currentOwner(): Owner {
  const pid = ownPid();
  return { pid, start: startTime(pid) ?? '0', namespace: namespaceNow() };
}

/** Whether the maker is known to be gone: false for those in other namespaces, of which nothing can be known. */
export function isGone(owner: Owner): boolean {
  return owner.namespace === namespaceNow() && startTime(owner.pid) !== owner.start;
}

/** Field 22 of /proc/PID/stat (proc_pid_stat(5)); undefined for a process that does not exist, or is dead but not yet reaped. */
export function startTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the name in parentheses, which may itself have blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function namespaceNow(): string {
  return pidNamespace() ?? '0';
}

/** As `/proc` counts, which is another number where that of the machine is mounted in a container. */
function ownPid(): number {
  try {
    return Number(fs.readlinkSync('/proc/self'));
  } catch {
    return process.pid;
  }
}
