/**
 * Process ids of the kernel's tracer are those of the whole machine. In a container with process ids of its own they mean
 * nothing in `/proc`, and the container's mean nothing to the tracer.
 */

import * as fs from 'node:fs';
import { UnavailableError } from './errors.ts';

/** PROC_PID_INIT_INO of linux/proc_ns.h: the namespace in which the machine's first process is. */
const INITIAL = '4026531836';

/** The inode of the PID namespace whose numbers `/proc` shows, which may be the machine's in a container; undefined if not known. */
export function pidNamespace(): string | undefined {
  for (const process of ['1', 'self']) {
    try {
      return /\d+/.exec(fs.readlinkSync(`/proc/${process}/ns/pid`))?.[0];
    } catch {
      // Not ours to look at.
    }
  }
  return undefined;
}

/** Whether process ids here are the machine's. */
export function hasMachinePids(namespace: string | undefined = pidNamespace()): boolean {
  return namespace === undefined || namespace === INITIAL;
}

/** @throws UnavailableError where the kernel can't select a process by its number here. */
export function requireMachinePids(what: string): void {
  if (hasMachinePids()) return;
  throw new UnavailableError(
    `${what} needs the machine's process ids, and this container has its own: run usdt on the host, or start its container with the host's process ids (docker run --pid=host, hostPID: true), or trace without it`,
  );
}
