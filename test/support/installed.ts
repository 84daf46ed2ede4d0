/** What scripts/test-packages.sh has installed before the tests. Tests themselves install nothing over the network. */

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { absent } from './needs.ts';

const CACHE = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const PACKAGES = process.env.LIBUSDT_TEST_PACKAGES || join(CACHE, 'libusdt-test-packages');

/** The folders of test/installed. */
export type PackageSet = 'libraries' | 'projects' | 'runtimes' | 'tools';

/** The node_modules of a set of packages; undefined if it was not installed as its lock file says. */
export function installedPackages(set: PackageSet): string | undefined {
  const lock = fileURLToPath(new URL(`../installed/${set}/package-lock.json`, import.meta.url));
  const installed = join(PACKAGES, set, 'installed');
  if (!existsSync(installed) || !readFileSync(lock).equals(readFileSync(installed))) return undefined;
  return join(PACKAGES, set, 'node_modules');
}

/** For `skip`: false if a set of packages is installed. */
export function withoutPackages(set: PackageSet): string | false {
  return installedPackages(set) ? false : absent(`test/installed/${set} (scripts/test-packages.sh)`);
}

/** The root folder of Debian for i386 with Node; undefined if it was not installed. */
export function installedNodeI386(): string | undefined {
  const folder = join(PACKAGES, 'node-i386');
  return existsSync(join(folder, 'installed')) ? join(folder, 'root') : undefined;
}
