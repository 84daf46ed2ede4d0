/**
 * What a test needs of its machine. Where that is not there the test is skipped, and the reason names it; with
 * LIBUSDT_TEST_ALL=1, as `npm run test:all` sets it, it is a failure.
 */

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether everything must be there, and tests may take longer. */
export const ALL = process.env.LIBUSDT_TEST_ALL === '1';

/** Whether tests may start no program. `npm run test:unit` */
const UNIT = process.env.LIBUSDT_TEST_UNIT === '1';

/** The header of SystemTap with which C programs get probes. */
export const SDT_HEADER = '/usr/include/x86_64-linux-gnu/sys/sdt.h';

function isHere(wanted: string): boolean {
  if (wanted.startsWith('/')) return existsSync(wanted);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, wanted)));
}

/** For `skip`: a reason in words of its own, for example of a tool that is there but broken. */
export function unusable(reason: string): string {
  if (ALL) throw new Error(`with LIBUSDT_TEST_ALL=1 nothing is skipped, but: ${reason}`);
  return reason;
}

/** For `skip`: that something is not there. */
export function absent(what: string): string {
  return unusable(`needs ${what}`);
}

/** For `skip`: false if all of these programs, and files by their absolute paths, are there. */
export function without(...wanted: readonly string[]): string | false {
  if (UNIT) return `starts ${wanted.join(', ')}, and is no unit test`;
  const missing = wanted.filter((item) => !isHere(item));
  return missing.length === 0 ? false : absent(missing.join(', '));
}

/** The same as options of a test. */
export function needs(...wanted: readonly string[]): { readonly skip: string | false } {
  return { skip: without(...wanted) };
}

/** For `skip`: false if root runs the tests. `why` may say for what. */
export function withoutRoot(why?: string): string | false {
  if (process.geteuid?.() === 0) return false;
  return absent(why === undefined ? 'root' : `root, ${why}`);
}
