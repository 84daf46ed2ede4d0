/**
 * What needs Linux itself. The rest works on every system: `build`, `script`, and `list` of files.
 */

import { UnavailableError } from './errors.ts';

export function isLinux(): boolean {
  return process.platform === 'linux';
}

/**
 * @param what the subject of the sentence, as in `tracing`.
 * @param instead what to do on other systems.
 * @throws UnavailableError on other systems.
 */
export function requireLinux(what: string, instead: string): void {
  if (!isLinux())
    throw new UnavailableError(`${what} needs Linux, and this is ${process.platform}: ${instead}`);
}
