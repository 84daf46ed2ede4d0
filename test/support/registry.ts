/**
 * A registry of npm packages that has our tarballs, and of everybody else's packages what is installed in a folder: so
 * nothing comes over the network.
 * https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

type Manifest = Readonly<Record<string, unknown>>;

/** A package of our own, packed. */
export interface Packed {
  readonly name: string;
  readonly manifest: Manifest;
  /** Its tarball. */
  readonly path: string;
}

interface Release {
  readonly manifest: Manifest;
  readonly bytes: () => Buffer;
}

/** Its versions. */
type Releases = Map<string, Release>;

/** An installed package, as a tarball. */
function pack(folder: string): Buffer {
  const args = ['--exclude=./node_modules', '--transform=s,^\\.,package,', '-czf', '-', '.'];
  const { status, stdout, stderr } = spawnSync('tar', args, { cwd: folder, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`tar: ${stderr.toString()}`);
  return stdout;
}

const readManifest = (path: string): Manifest => JSON.parse(fs.readFileSync(path, 'utf8')) as Manifest;

/** Adds the installed packages of a node_modules, and of those inside, also in several versions. */
function findInstalled(modules: string, found: Map<string, Releases>): void {
  for (const entry of fs.readdirSync(modules)) {
    if (entry.startsWith('.')) continue;
    const folder = join(modules, entry);
    if (entry.startsWith('@')) findInstalled(folder, found);
    if (!fs.existsSync(join(folder, 'package.json'))) continue;
    const manifest = readManifest(join(folder, 'package.json'));
    const releases: Releases = found.get(manifest.name as string) ?? new Map();
    found.set(manifest.name as string, releases);
    let bytes: Buffer | undefined;
    releases.set(manifest.version as string, {
      manifest,
      bytes: () => {
        bytes ??= pack(folder);
        return bytes;
      },
    });
    if (fs.existsSync(join(folder, 'node_modules'))) findInstalled(join(folder, 'node_modules'), found);
  }
}

/** @param modules the node_modules with everybody else's packages. @returns its URL. It serves for as long as this process runs something else. */
export async function startRegistry(packed: readonly Packed[], modules: string): Promise<string> {
  const packages = new Map<string, Releases>();
  findInstalled(modules, packages);
  for (const { name, manifest, path } of packed) {
    const release = { manifest, bytes: () => fs.readFileSync(path) };
    packages.set(name, new Map([[manifest.version as string, release]]));
  }
  const server = createServer(({ url, headers }, response) => {
    const [, name = '', tarball] = /^\/(.+?)(?:\/-\/(.+)\.tgz)?$/.exec(decodeURIComponent(url!)) ?? [];
    const releases = packages.get(name);
    if (releases === undefined) return response.writeHead(404).end('{}');
    if (tarball !== undefined) return response.end(releases.get(tarball)!.bytes());
    const versions = [...releases].map(([version, { manifest, bytes }]) => {
      const dist = {
        tarball: `http://${headers.host}/${name}/-/${version}.tgz`,
        shasum: createHash('sha1').update(bytes()).digest('hex'),
        integrity: `sha512-${createHash('sha512').update(bytes()).digest('base64')}`,
      };
      return [version, { ...manifest, dist }] as const;
    });
    // Published long ago: package managers hold back what is new.
    const time = Object.fromEntries(
      ['created', 'modified', ...releases.keys()].map((key) => [key, LONG_AGO]),
    );
    response.setHeader('content-type', 'application/json');
    // The order is that of the folders: projects get what is installed at the top.
    const latest = versions[0]![0];
    return response.end(
      JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(versions), time }),
    );
  });
  server.unref();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const LONG_AGO = '2026-01-01T00:00:00.000Z';
