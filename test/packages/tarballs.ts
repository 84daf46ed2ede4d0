/**
 * The tarballs as they would be published: `npm pack`, with its scripts, of all packages in a copy of the sources. The
 * copy has an old dist in it, which must not get into any of them.
 */

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A file that no source makes any more. */
export const STALE = 'dist/stale.js';

export interface Tarball {
  readonly name: string;
  readonly version: string;
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly path: string;
  readonly files: readonly string[];
}

/** What a package is built from, without what was built. */
function isSource(path: string): boolean {
  return !/(^|\/)(node_modules|dist|\.git|\.cache|CHANGELOG\.md|LICENSE)$/.test(path);
}

/** Installed packages by links; those of this repository are links into the folder that they are in. */
function linkPackages(from: string, to: string): void {
  fs.mkdirSync(to);
  for (const entry of fs.readdirSync(from)) {
    const path = join(from, entry);
    if (entry === '@libusdt') linkPackages(path, join(to, entry));
    else if (entry === 'libusdt' || dirname(path).endsWith('@libusdt')) {
      fs.symlinkSync(fs.readlinkSync(path), join(to, entry));
    } else fs.symlinkSync(path, join(to, entry));
  }
}

/** Copies what the packages are made of. */
export function copySources(folder: string): void {
  // With its times: a lock file that is newer than what is installed would have everything installed anew.
  for (const file of ['package.json', 'package-lock.json', '.npmrc', 'tsconfig.base.json']) {
    fs.cpSync(join(ROOT, file), join(folder, file), { preserveTimestamps: true });
  }
  for (const file of ['CHANGELOG.md', 'LICENSE']) fs.copyFileSync(join(ROOT, file), join(folder, file));
  for (const part of ['scripts', 'packages']) {
    fs.cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: isSource });
  }
  linkPackages(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
}

export function packAll(folder: string): readonly Tarball[] {
  copySources(folder);
  for (const name of fs.readdirSync(join(folder, 'packages'))) {
    fs.mkdirSync(join(folder, 'packages', name, 'dist'));
    fs.writeFileSync(join(folder, 'packages', name, STALE), 'throw new Error("old");\n');
  }
  // With scripts, whatever the user's own settings are.
  const pack = ['pack', '--workspaces', '--json', '--loglevel=error', '--ignore-scripts=false'];
  const options = { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 } as const;
  const { status, stdout, stderr } = spawnSync('npm', pack, options);
  if (status !== 0) throw new Error(`npm pack ended with ${status}:\n${stdout}${stderr}`);
  // npm 11 gives an object, by name; npm 10 an array.
  const packed = Object.values(JSON.parse(stdout) as Record<string, Packed>);
  return packed.map(({ name, version, filename, files }) => {
    const path = join(folder, filename);
    const manifest = JSON.parse(readTarball(path, 'package.json')) as Record<string, unknown>;
    return { name, version, manifest, path, files: files.map((file) => file.path) };
  });
}

interface Packed {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** A file of a tarball. */
export function readTarball(path: string, file: string): string {
  const options = { encoding: 'utf8', maxBuffer: 1 << 26 } as const;
  const { status, stdout, stderr } = spawnSync('tar', ['-xzOf', path, `package/${file}`], options);
  if (status !== 0) throw new Error(`tar: ${stderr}`);
  return stdout;
}
