/**
 * Is it a Linux that can trace programs?
 * @module
 */

import * as fs from 'node:fs';
import type { Finding } from './check.ts';

/** SDT semaphores in uprobe events: https://git.kernel.org/torvalds/c/1cc33161a83d (uprobes: Support SDT markers having reference count) */
const WITH_SEMAPHORES = [4, 20] as const;
/** https://www.man7.org/linux/man-pages/man7/kernel_lockdown.7.html */
const LOCKDOWN = '/sys/kernel/security/lockdown';

/** @param release as of uname -r. */
export function checkKernel(platform: string, arch: string, release: string): Finding {
  const check = 'kernel';
  if (platform !== 'linux') {
    const message = `${platform} ${release}: usdt traces with the Linux kernel; use DTrace here (usdt script dtrace)`;
    return { check, state: 'fail', message };
  }
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const [needMajor, needMinor] = WITH_SEMAPHORES;
  const old = Number(major) < needMajor || (Number(major) === needMajor && Number(minor) < needMinor);
  if (!old) return { check, state: 'ok', message: `Linux ${release} on ${arch}` };
  const message = `Linux ${release} on ${arch}: probes with a semaphore can't be traced before ${needMajor}.${needMinor}`;
  return { check, state: 'warn', message };
}

/** @param text of the file; undefined where the kernel has none. */
export function checkLockdown(text: string | undefined = readText(LOCKDOWN)): Finding {
  const check = 'lockdown';
  const mode = /\[(\w+)\]/.exec(text ?? '')?.[1];
  if (mode === undefined || mode === 'none')
    return { check, state: 'ok', message: 'the kernel is not locked down' };
  if (mode !== 'confidentiality')
    return { check, state: 'ok', message: `the kernel is locked down for ${mode}, which allows tracing` };
  const message = 'the kernel is locked down for confidentiality, which forbids tracing';
  return { check, state: 'fail', message, fix: 'boot without lockdown=confidentiality' };
}

export function readText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
