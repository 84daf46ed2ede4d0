/**
 * What this process may do, and in which namespaces it lives.
 * @module
 */

import { hasMachinePids } from '../pid-namespace.ts';
import { rootCommand } from '../root.ts';
import type { Finding } from './check.ts';

/** Bits of CapEff that tracing makes use of: https://github.com/torvalds/linux/blob/master/include/uapi/linux/capability.h */
const CAPABILITIES = {
  CAP_DAC_OVERRIDE: 1n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
} as const;

/** @param status the text of /proc/self/status. */
export function checkPermissions(user: number | undefined, status: string): Finding {
  const check = 'permissions';
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.entries(CAPABILITIES)
    .filter(([, bit]) => ((capabilities >> bit) & 1n) === 0n)
    .map(([name]) => name);
  if (user === 0 && missing.length === 0)
    return { check, state: 'ok', message: 'root, with the capabilities that tracing needs' };
  if (user !== 0) {
    const message = `user ${user}: probes can be defined and listed; tracing is root's`;
    return { check, state: 'warn', message, fix: rootCommand() };
  }
  const message = `root without ${missing.join(', ')}: other users' processes can't be looked at`;
  const fix = `start the container with ${missing.map((name) => `--cap-add=${name.slice(4)}`).join(' ')}`;
  return { check, state: 'warn', message, fix };
}

/** @param namespace the inode of the PID namespace. */
export function checkNamespace(namespace: string | undefined): Finding {
  const check = 'namespace';
  if (hasMachinePids(namespace)) return { check, state: 'ok', message: "the host's process ids" };
  const message =
    "in a container with process ids of its own: events carry those of the host, and one process (-p) or a command can't be traced";
  return { check, state: 'warn', message, fix: 'start the container with --pid=host' };
}
