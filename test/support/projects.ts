/**
 * Projects as users have them: a folder with a package.json that names packages from npm and, as the README says, the
 * drop-in. It is packed, and served by a registry that has all other packages too, so that every line is the real one.
 */
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PACKAGE } from '../../packages/dtrace-provider/test/support.ts';
import { temporaryFolder } from './folders.ts';
import { installedPackages, withoutPackages } from './installed.ts';
import { startRegistry } from './registry.ts';
import { withoutTracing } from './usdt.ts';

// What would hide a warning, or an install script, is told otherwise, whatever this machine's settings are.
const INSTALL = ['install', '--no-audit', '--no-fund', '--ignore-scripts=false', '--loglevel=warn'];

type Output = Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'>;

/** Without what npm tells the programs that it runs: under `npm test` that has the registry, and a project's own is not asked. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

/** Runs npm while this process serves the registry. */
export async function npm(cwd: string, ...args: readonly string[]): Promise<Output> {
  const child = spawn('npm', args, { cwd, env, timeout: 300_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status: child.exitCode, stdout, stderr };
}

/** Serves what `npm pack` makes of the drop-in, and the packages that projects depend on. Its URL. */
async function startRegistryOf(modules: string): Promise<string> {
  const folder = temporaryFolder();
  // Without scripts: prepack would build anew what other tests are running.
  const pack = ['pack', '--ignore-scripts', '--pack-destination', folder, '--json', '--loglevel=error'];
  const { stdout } = spawnSync('npm', pack, { cwd: PACKAGE, encoding: 'utf8' });
  // npm 11 gives an object, by name; npm 10 an array.
  const [{ filename }] = Object.values(JSON.parse(stdout)) as [{ readonly filename: string }];
  const manifest = JSON.parse(fs.readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { name: string };
  return startRegistry([{ name: manifest.name, manifest, path: join(folder, filename) }], modules);
}

export interface Project {
  /** For `skip`: false if it is installed. */
  readonly absent: string | false;
  /** What `npm install` printed. */
  readonly installed: Output;
}

/** Copies `name` of the drop-in's fixtures to `folder`, and installs what it depends on. */
export async function installProject(name: string, folder: string): Promise<Project> {
  const reason = withoutTracing() || withoutPackages('projects');
  if (reason) return { absent: reason, installed: { status: null, stdout: '', stderr: '' } };
  fs.cpSync(join(PACKAGE, 'test/fixtures', name), folder, { recursive: true });
  const registry = await startRegistryOf(installedPackages('projects')!);
  fs.writeFileSync(join(folder, '.npmrc'), `registry=${registry}\ncache=${temporaryFolder()}\n`);
  const installed = await npm(folder, ...INSTALL);
  assert.equal(installed.status, 0, installed.stderr);
  return { absent: false, installed };
}

/** What the lock file says of every package, by its place in node_modules. */
export function lockedPackages(folder: string): [place: string, entry: Record<string, unknown>][] {
  const lock = JSON.parse(fs.readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    readonly packages: Record<string, Record<string, unknown>>;
  };
  return Object.entries(lock.packages);
}
