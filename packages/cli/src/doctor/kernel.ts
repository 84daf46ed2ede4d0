/**
 * Is it a Linux that can trace programs?
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
    const message = `${platform} ${release}: usdt traces with the Linux kernel`;
    return { check, state: 'fail', message, fix: "trace with DTrace, by what 'usdt script dtrace' prints" };
  }
  if (!isBefore(release, WITH_SEMAPHORES))
    return { check, state: 'ok', message: `Linux ${release} on ${arch}` };
  const message = `Linux ${release} on ${arch}: probes with a semaphore can't be traced before ${WITH_SEMAPHORES.join('.')}`;
  return { check, state: 'warn', message };
}

function isBefore(release: string, [needMajor, needMinor]: readonly [number, number]): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major) < needMajor || (Number(major) === needMajor && Number(minor) < needMinor);
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

/** MAX_UCB_BUFFER_SIZE came with https://git.kernel.org/torvalds/c/373b9338c972 (uprobe: avoid out-of-bounds memory access of fetching args). */
const WITH_BOUNDS = [6, 12] as const;
/** Whether the kernel panics where it would only warn. https://docs.kernel.org/admin-guide/sysctl/kernel.html#panic-on-warn */
const PANIC_ON_WARN = '/proc/sys/kernel/panic_on_warn';

/**
 * What becomes of events that are too long for the kernel's tracer: docs/types.md has the numbers.
 * @param release as of uname -r.
 * @param panicOnWarn text of the file; undefined where the kernel has none.
 */
export function checkTexts(
  release: string,
  panicOnWarn: string | undefined = readText(PANIC_ON_WARN),
): Finding {
  const check = 'texts';
  const event = 'an event longer than about 4,000 bytes';
  if (panicOnWarn?.trim() === '1') {
    const message = `${event} makes the kernel warn, and this machine panics then (kernel.panic_on_warn). libusdt cuts texts before that; C programs don't`;
    return { check, state: 'warn', message, fix: 'sysctl kernel.panic_on_warn=0' };
  }
  if (isBefore(release, WITH_BOUNDS)) {
    const message = `${event} makes Linux before ${WITH_BOUNDS.join('.')} overwrite its own memory, unless that was fixed (CVE-2024-50067). libusdt cuts texts before that; C programs don't`;
    return { check, state: 'warn', message };
  }
  return {
    check,
    state: 'ok',
    message: `${event} is dropped by the kernel without being counted: libusdt cuts its own, C programs may have some`,
  };
}

export function readText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
