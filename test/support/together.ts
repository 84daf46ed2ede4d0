/**
 * Runs test files in one process, one after the other: a process for each, with tsx to load it, takes half a second of
 * processor time, which is more than most of them need.
 */

import { describe } from 'node:test';

const ROOT = new URL('../../', import.meta.url);

/**
 * Runs those of UNIT_TESTS, paths in this repository that scripts/test.sh found, whose path matches. Each is a suite of
 * its path.
 */
export async function runTogether(matches: (path: string) => boolean): Promise<void> {
  for (const path of (process.env.UNIT_TESTS ?? '').split(/\s+/).filter(Boolean)) {
    if (matches(path)) await describe(path, () => import(new URL(path, ROOT).href));
  }
}
