/**
 * All checks, in the order in which they depend on each other. To add one, write a function beside the others and call
 * it here.
 */

import * as fs from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { createProvider } from 'libusdt';
import { folderCandidates } from 'libusdt/cache';
import { isLinux } from '../linux.ts';
import { pidNamespace } from '../pid-namespace.ts';
import type { Finding } from './check.ts';
import { checkKernel, checkLockdown, checkTexts, readText } from './kernel.ts';
import { checkNamespace, checkPermissions } from './permissions.ts';
import { checkCache, checkLibrary, checkRuntime } from './runtime.ts';
import { checkSelftest } from './selftest.ts';
import { checkTracefs } from './tracefs.ts';
import { checkTracers } from './tracers.ts';

export async function* runChecks(): AsyncGenerator<Finding> {
  const { platform, arch } = process;
  const user = process.geteuid?.();
  yield checkKernel(platform, arch, release());
  const tracefs = isLinux() ? checkTracefs() : undefined;
  if (tracefs) {
    yield checkLockdown();
    yield checkPermissions(user, readText('/proc/self/status') ?? '');
    yield checkNamespace(pidNamespace());
    yield tracefs;
    yield checkTexts(release());
  }
  yield await checkTracers();
  yield checkRuntime(process.versions.node, platform, arch);

  const provider = createProvider('usdt-doctor', { probes: { ping: ['uint32_t', 'char *'] } });
  try {
    const status = provider.enable();
    yield checkLibrary(status);
    yield checkCache(status, folderCandidates(process.env));
    if (status.state !== 'active') yield notRun('no probe can be made');
    else if (!tracefs) yield notRun("'npx -p libusdt libusdt-selftest' does it with DTrace");
    else if (tracefs.state === 'fail') yield notRun('it needs tracefs');
    else {
      const { ping } = provider.probes;
      yield await checkSelftest({
        provider: provider.name,
        name: ping.name,
        enabled: () => ping.enabled,
        fire: (number, text) => ping.fire(number, text),
      });
    }
  } finally {
    provider.free();
    removeImages(provider.name);
  }
}

function notRun(why: string): Finding {
  return { check: 'selftest', state: 'warn', message: `not run: ${why}` };
}

/** Nobody else has this provider: its file would only lie about. Another doctor at work gets along without it. */
function removeImages(provider: string): void {
  for (const folder of folderCandidates(process.env)) {
    try {
      for (const name of fs.readdirSync(folder))
        if (name.startsWith(`libusdt-${provider}-`)) fs.rmSync(join(folder, name));
    } catch {
      // No such folder, not for us, or somebody was faster.
    }
  }
}
