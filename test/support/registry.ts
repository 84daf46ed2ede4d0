/**
 * A registry of npm packages that has our tarballs, and of everybody else's packages what this repository has
 * installed: so nothing comes over the network.
 * https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
 * @module
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ROOT, type Tarball } from '../packages/tarballs.ts';

type Manifest = Readonly<Record<string, unknown>>;

interface Release {
  readonly manifest: Manifest;
  readonly bytes: Buffer;
}

/** A package that is installed here, as a tarball. */
function packInstalled(name: string): Release | undefined {
  const folder = join(ROOT, 'node_modules', name);
  if (!fs.existsSync(join(folder, 'package.json'))) return undefined;
  const manifest = JSON.parse(fs.readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const args = ['--exclude=./node_modules', '--transform=s,^\\.,package,', '-czf', '-', '.'];
  const { status, stdout, stderr } = spawnSync('tar', args, { cwd: folder, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`tar: ${stderr.toString()}`);
  return { manifest, bytes: stdout };
}

/** Its URL. It serves for as long as this process runs something else. */
export async function startRegistry(tarballs: readonly Tarball[]): Promise<string> {
  const releases = new Map<string, Release | undefined>(
    tarballs.map(({ name, manifest, path }) => [name, { manifest, bytes: fs.readFileSync(path) }]),
  );
  const find = (name: string): Release | undefined => {
    if (!releases.has(name)) releases.set(name, packInstalled(name));
    return releases.get(name);
  };
  const server = createServer(({ url, headers }, response) => {
    const [, path, tarball] = /^\/(.+?)(\/-\/.+)?$/.exec(decodeURIComponent(url!)) ?? [];
    const release = path === undefined ? undefined : find(path);
    if (release === undefined) return response.writeHead(404).end('{}');
    const { manifest, bytes } = release;
    if (tarball !== undefined) return response.end(bytes);
    const version = manifest.version as string;
    const dist = {
      tarball: `http://${headers.host}/${path}/-/${path!.split('/').at(-1)}-${version}.tgz`,
      shasum: createHash('sha1').update(bytes).digest('hex'),
      integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
    };
    const versions = { [version]: { ...manifest, dist } };
    // Published long ago: package managers hold back what is new.
    const time = { created: LONG_AGO, modified: LONG_AGO, [version]: LONG_AGO };
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ name: path, 'dist-tags': { latest: version }, versions, time }));
  });
  server.unref();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const LONG_AGO = '2026-01-01T00:00:00.000Z';
