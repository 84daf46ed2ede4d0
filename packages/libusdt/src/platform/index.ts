/**
 * Which file is this process' system: linux.ts; dtrace/kernel.ts for macOS, illumos and FreeBSD; noop.ts for all others.
 */

import { isProblem, MissingPart, type Problem } from '../runtime/reasons.ts';
import { openLinux } from './linux.ts';
import { openNoop } from './noop.ts';
import type { System } from './platform.ts';
import { openDarwin, openFreebsd, openIllumos } from './rare.ts';

const BY_PLATFORM: Readonly<Record<string, (images?: string) => System | Problem>> = {
  linux: openLinux,
  android: openLinux,
  darwin: openDarwin,
  sunos: openIllumos,
  freebsd: openFreebsd,
};

let opened: System | undefined;

/**
 * This thread's system. A problem is not remembered: what caused it may have been mended.
 * @param images a folder with images that were built ahead of time, where the engine may be too.
 */
export function openSystem(images?: string): System | Problem {
  if (opened) return opened;
  const open = BY_PLATFORM[globalThis.process?.platform ?? 'unknown'] ?? openNoop;
  const system = whole(() => open(images));
  if (isProblem(system)) return system;
  opened = { load: (definition, file) => whole(() => system.load(definition, file)) };
  return opened;
}

/** A part of the package that is missing is a problem like others, and no error in what the program called. */
function whole<Result extends object>(what: () => Result | Problem): Result | Problem {
  try {
    return what();
  } catch (error) {
    if (error instanceof MissingPart) return { path: '', reason: 'load-failed', detail: error.message };
    throw error;
  }
}
