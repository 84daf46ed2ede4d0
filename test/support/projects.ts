/**
 * Projects as users have them: a folder with a package.json that names packages from npm and, as the README says, the
 * drop-in. It is packed, and served as the registry of its scope will serve it, so that every line is the real one.
 * https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
 * @module
 */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { PACKAGE } from '../../packages/dtrace-provider/test/support.ts';
import { unusable } from './needs.ts';
import { withoutTracing } from './usdt.ts';

// What would hide a warning, or an install script, is told otherwise, whatever this machine's settings are.
const INSTALL = [
  'install',
  '--no-audit',
  '--no-fund',
  '--prefer-offline',
  '--ignore-scripts=false',
  '--loglevel=warn',
];

type Output = Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'>;

/** Runs npm while this process serves the registry. */
export async function npm(cwd: string, ...args: readonly string[]): Promise<Output> {
  const child = spawn('npm', args, { cwd, timeout: 300_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status: child.exitCode, stdout, stderr };
}

/** Serves what `npm pack` makes of the drop-in, for as long as this process runs. Its URL. */
async function startRegistry(folder: string): Promise<string> {
  // Without scripts: prepack would build anew what other tests are running.
  const pack = ['pack', '--ignore-scripts', '--pack-destination', folder, '--json', '--loglevel=error'];
  const { stdout } = spawnSync('npm', pack, { cwd: PACKAGE, encoding: 'utf8' });
  const [{ filename, integrity, shasum }] = JSON.parse(stdout) as [Record<string, string>];
  const manifest = JSON.parse(fs.readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  const { name, version } = manifest;
  const server = createServer(({ url, headers }, response) => {
    if (url === `/${filename}`) return response.end(fs.readFileSync(join(folder, filename!)));
    if (decodeURIComponent(url!) !== `/${name}`) return response.writeHead(404).end();
    const dist = { tarball: `http://${headers.host}/${filename}`, integrity, shasum };
    const versions = { [version!]: { ...manifest, dist } };
    return response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  });
  server.unref();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

export interface Project {
  /** For `skip`: false if it is installed. */
  readonly absent: string | false;
  /** What `npm install` printed. */
  readonly installed: Output;
}

/** Copies fixtures/`name` to `folder`, and installs what it depends on. */
export async function installProject(name: string, folder: string): Promise<Project> {
  const reason = withoutTracing();
  if (reason) return { absent: reason, installed: { status: null, stdout: '', stderr: '' } };
  fs.cpSync(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)), folder, { recursive: true });
  fs.writeFileSync(join(folder, '.npmrc'), `@libusdt:registry=${await startRegistry(folder)}\n`);
  const installed = await npm(folder, ...INSTALL);
  if (installed.status === 0) return { absent: false, installed };
  const why = installed.stderr.trim().split('\n').at(-1);
  return { absent: unusable(`npm can't install what ${name} depends on here: ${why}`), installed };
}

/** What the lock file says of every package, by its place in node_modules. */
export function lockedPackages(folder: string): [place: string, entry: Record<string, unknown>][] {
  const lock = JSON.parse(fs.readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    readonly packages: Record<string, Record<string, unknown>>;
  };
  return Object.entries(lock.packages);
}
