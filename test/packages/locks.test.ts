/** Lock files: `npm ci` takes them anywhere, and all that they name runs on the oldest Node that is supported. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ROOT } from './tarballs.ts';
import { tool, withoutTools } from './tools.ts';

const OLDEST = '20.19.0';
/** What runs on another Node: that of test/installed/runtimes for libraries. */
const NEWER = ['test/installed/libraries'];
const NEWEST = '24.21.0';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly engines?: { readonly node?: string };
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

for (const folder of [
  '',
  'bench',
  ...fs.readdirSync(join(ROOT, 'test/installed')).map((name) => `test/installed/${name}`),
]) {
  describe(join(folder, 'package-lock.json'), () => {
    const path = join(ROOT, folder, 'package-lock.json');
    const { packages } = JSON.parse(fs.readFileSync(path, 'utf8')) as {
      readonly packages: Readonly<Record<string, Locked>>;
    };

    test('names no registry', () => {
      const hosts = Object.values(packages).filter(({ resolved, link }) => resolved !== undefined && !link);
      assert.deepEqual(hosts, []);
      assert.doesNotMatch(fs.readFileSync(path, 'utf8'), /"resolved": "https?:/);
    });

    test('has the packages of all platforms', () => {
      for (const [name, { optionalDependencies = {} }] of Object.entries(packages)) {
        for (const optional of Object.keys(optionalDependencies)) {
          const places = [`${name}/node_modules/${optional}`, `node_modules/${optional}`];
          assert.ok(
            places.some((place) => packages[place] !== undefined),
            `${optional}, of ${name || 'the project'}`,
          );
        }
      }
    });

    const oldest = NEWER.includes(folder) ? NEWEST : OLDEST;
    test(`asks for no Node newer than ${oldest}`, { skip: withoutTools }, () => {
      const { satisfies } = createRequire(tool('x.js'))('semver') as {
        readonly satisfies: (version: string, range: string) => boolean;
      };
      const newer = Object.entries(packages).filter(
        ([, { engines }]) => engines?.node !== undefined && !satisfies(oldest, engines.node),
      );
      assert.deepEqual(newer, []);
    });

    test('npm ci takes it', () => {
      // Where nothing is installed, and without asking a registry: a dry run only compares.
      const copy = fs.mkdtempSync(join(tmpdir(), 'libusdt-lock-'));
      try {
        const manifests = ['package.json', 'package-lock.json'];
        if (folder === '') {
          const names = fs.readdirSync(join(ROOT, 'packages'));
          manifests.push(...names.map((name) => `packages/${name}/package.json`));
        }
        for (const file of manifests)
          fs.cpSync(join(ROOT, folder, file), join(copy, file), { recursive: true });
        // --force: some of the runtimes are for other processors.
        const args = [
          'ci',
          '--dry-run',
          '--offline',
          '--force',
          '--ignore-scripts',
          '--no-audit',
          '--no-fund',
        ];
        const { status, stderr } = spawnSync('npm', args, { cwd: copy, encoding: 'utf8' });
        assert.equal(status, 0, stderr);
      } finally {
        fs.rmSync(copy, { recursive: true, force: true });
      }
    });
  });
}
