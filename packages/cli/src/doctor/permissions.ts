/**
 * What this process may do, and in which namespaces it lives.
 */

import { hasMachinePids } from '../pid-namespace.ts';
import { rootCommand } from '../root.ts';
import type { Finding } from './check.ts';

/**
 * What tracing makes use of, with its bit in CapEff and what can't be done without it.
 * https://github.com/torvalds/linux/blob/master/include/uapi/linux/capability.h
 */
const CAPABILITIES = [
  { name: 'CAP_DAC_OVERRIDE', bit: 1n, without: "files that only their owners may read can't be looked at" },
  { name: 'CAP_SYS_PTRACE', bit: 19n, without: "other users' processes can't be looked at" },
  {
    name: 'CAP_SYS_ADMIN',
    bit: 21n,
    without: "usdt can't mount a tracefs of its own, nor look at mapped files without a name",
  },
] as const;

/** @param status the text of /proc/self/status. */
export function checkPermissions(user: number | undefined, status: string): Finding {
  const check = 'permissions';
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = CAPABILITIES.filter(({ bit }) => ((capabilities >> bit) & 1n) === 0n);
  if (user === 0 && missing.length === 0)
    return { check, state: 'ok', message: 'root, with the capabilities that tracing needs' };
  if (user !== 0) {
    const message = `user ${user}: probes can be defined and listed; tracing is root's`;
    return { check, state: 'warn', message, fix: rootCommand() };
  }
  const message = missing.map(({ name, without }) => `without ${name} ${without}`).join('; ');
  const fix = `start the container with ${missing.map(({ name }) => `--cap-add=${name.slice(4)}`).join(' ')}`;
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
