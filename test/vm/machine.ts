/**
 * What the tests of this folder share: the virtual machine of vm.sh, and the library as programs in it import it.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { absent, without } from '../support/needs.ts';
import { kill } from '../support/processes.ts';

/** Building the image takes minutes, and all the rest is emulated. */
export const PATIENCE = 60 * 60_000;

/** For `skip`: false where the machine can be built and run. */
export function withoutMachine(): string | false {
  const missing = without('qemu-system-x86_64', 'debootstrap', 'mkfs.ext4', 'flock');
  return missing || (process.geteuid?.() === 0 ? false : absent('root, to build the image'));
}

/**
 * A folder that becomes /job in the machine, with the built library in it, and children.mjs and dtrace.mjs for its
 * programs. It goes away with the test file.
 */
export function jobFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'libusdt-job-'));
  chmodSync(folder, 0o755); // in the machine other users run programs from it too
  after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['children.mjs', 'dtrace.mjs'])
    copyFileSync(fileURLToPath(new URL(name, import.meta.url)), join(folder, name));
  const library = join(folder, 'node_modules', 'libusdt');
  mkdirSync(library, { recursive: true });
  const packaged = dirname(fileURLToPath(import.meta.resolve('libusdt/package.json')));
  for (const part of ['dist', 'bin', 'package.json'])
    cpSync(join(packaged, part), join(library, part), { recursive: true });
  return folder;
}

/** Boots the machine and runs a command in /job there. What it printed. @throws Error for a status other than 0. */
export async function boot(job: string, command: string): Promise<string> {
  const script = fileURLToPath(new URL('vm.sh', import.meta.url));
  const machine = spawn('sh', [script, 'run', job, command], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = (): void => void kill(machine, 'SIGTERM');
  process.once('exit', stop);
  let printed = '';
  machine.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const [status] = await once(machine, 'close');
  process.off('exit', stop);
  if (status !== 0) throw new Error(`status ${status} from the machine:\n${printed}`);
  return printed;
}
