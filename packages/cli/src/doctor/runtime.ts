/**
 * Can libusdt make probes here, and where does it put them? The library is asked itself.
 */

import type { Status, UnavailableReason } from 'libusdt';
import type { Finding } from './check.ts';

/** package.json's "engines". */
const LEAST = [20, 19] as const;

export function checkRuntime(version: string, platform: string, arch: string): Finding {
  const check = 'runtime';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]))
    return { check, state: 'ok', message: `Node.js ${version} for ${platform}-${arch}` };
  const message = `Node.js ${version} for ${platform}-${arch}: ${LEAST.join('.')} or later is needed`;
  return { check, state: 'fail', message, fix: 'npx --yes node@22 $(command -v usdt) doctor' };
}

/** @param status of a provider, after `enable()`. */
export function checkLibrary(status: Status): Finding {
  const check = 'library';
  switch (status.state) {
    case 'active': {
      const message = `probes can be made, with ${status.tracepoint} as tracepoint; tracers find them by ${status.registeredBy}`;
      return { check, state: 'ok', message };
    }
    case 'unavailable': {
      const fix = FIXES[status.reason];
      return { check, state: 'fail', message: status.detail, ...(fix !== undefined && { fix }) };
    }
    case 'disabled':
      return { check, state: 'fail', message: 'the probe is not enabled' };
  }
}

/** @param folders that libusdt tries, best first. */
export function checkCache(status: Status, folders: readonly string[]): Finding {
  const check = 'cache';
  if (status.state === 'active' && status.storage === 'file')
    return { check, state: 'ok', message: `images are published in ${folderOf(status.file)}` };
  if (status.state === 'active') {
    const message = `images are ${status.detail ?? 'in memory'}`;
    return { check, state: 'warn', message, fix: OWN_FOLDER };
  }
  const message = `not known, since no probe can be made; it would be in ${folders[0] ?? 'no folder'}`;
  return { check, state: 'warn', message };
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/')) || '/';
}

const OWN_FOLDER = 'export LIBUSDT_DIR=$HOME/.libusdt && mkdir -m 700 -p "$LIBUSDT_DIR"';

/** What a command can mend; the reasons that are missing have their remedy in the detail. */
const FIXES: Readonly<Partial<Record<UnavailableReason, string>>> = {
  'addons-forbidden': 'NODE_OPTIONS=--allow-addons usdt doctor',
  'folder-not-usable': OWN_FOLDER,
  'folder-not-writable': OWN_FOLDER,
  'folder-not-executable': OWN_FOLDER,
  'out-of-descriptors': 'ulimit -n 4096',
};
