/**
 * Every package as users get it: packed as for publishing, installed by every package manager, used from JavaScript,
 * TypeScript and CommonJS, and bundled.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startRegistry } from '../support/registry.ts';
import { BUNDLERS } from './bundlers.ts';
import { packAll, ROOT, readTarball, STALE, type Tarball } from './tarballs.ts';
import { makeProject, PACKAGE_MANAGERS, runWell, tool, withoutTools } from './tools.ts';

const folder = fs.mkdtempSync(join(tmpdir(), 'libusdt-packages-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const PACKAGES = ['libusdt', '@libusdt/cli', '@libusdt/dtrace-provider', '@libusdt/node'];

let tarballs: readonly Tarball[] = [];
let registry = '';
before(async () => {
  const sources = join(folder, 'sources');
  fs.mkdirSync(sources);
  tarballs = packAll(sources);
  registry = await startRegistry(tarballs, join(ROOT, 'node_modules'));
});
const tarball = (name: string): Tarball => tarballs.find((one) => one.name === name)!;

interface Told {
  readonly webapp: { readonly state: string };
  readonly node: string;
  readonly enabled: boolean;
  readonly same: boolean;
  readonly functions: readonly string[];
  readonly files: readonly string[];
}

/** Runs one of the programs: its probes must be where tracers look. */
async function works(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const cache = fs.mkdtempSync(join(folder, 'cache-'));
  const told = JSON.parse(await runWell(command, cwd, { ...env, LIBUSDT_DIR: cache })) as Told;
  assert.equal(told.webapp.state, 'active', JSON.stringify(told.webapp));
  assert.equal(told.node, 'active');
  assert.equal(told.enabled, false);
  assert.equal(told.same, true);
  assert.deepEqual(new Set(told.functions), new Set(['function']));
  const images = told.files.flatMap((file) => /^libusdt-(\w+)-\w+\.so$/.exec(file)?.[1] ?? []);
  for (const name of ['webapp', 'old', 'node']) assert.ok(images.includes(name), `${name} in ${told.files}`);
}

describe('what is in a tarball', () => {
  for (const name of PACKAGES) {
    test(`${name}: licence, readme, changelog, what package.json names, and nothing old`, () => {
      const { path, manifest, files } = tarball(name);
      for (const file of ['LICENSE', 'CHANGELOG.md']) {
        assert.equal(readTarball(path, file), fs.readFileSync(join(ROOT, file), 'utf8'));
      }
      assert.ok(files.includes('README.md'));
      assert.ok(!files.includes(STALE), 'a file that no source makes');
      assert.deepEqual(
        files.filter(
          (file) => !/^(bin|dist|src)\/.+\.([cm]?[jt]s|js\.map|cjs\.map)$|^[A-Z]+(\.md)?$/.test(file),
        ),
        name === '@libusdt/cli' ? ['bin/package.json', 'package.json'] : ['package.json'],
      );
      const named = JSON.stringify([manifest.exports, manifest.bin, manifest.main, manifest.types]);
      for (const [, file] of named.matchAll(/"(?:\.\/)?((?:dist|bin)\/[^"]+)"/g)) {
        assert.ok(files.includes(file!), `${file} is in it`);
      }
      assert.equal(manifest.license, 'MIT');
      assert.deepEqual(Object.keys(manifest.scripts as object), ['prepack'], 'no install script');
      assert.deepEqual(manifest.publishConfig, { access: 'public', provenance: true });
      assert.match(JSON.stringify(manifest.repository), /github\.com\/libusdt\/libusdt\.git/);
      assert.ok(manifest.bugs && manifest.homepage);
    });

    test(`${name}: source maps name files that are in it`, () => {
      const { path, files } = tarball(name);
      const maps = files.filter((file) => file.endsWith('.map'));
      assert.ok(maps.length > 0);
      for (const map of maps) {
        const { sources } = JSON.parse(readTarball(path, map)) as { readonly sources: readonly string[] };
        const missing = sources
          .map((source) => join(map, '..', source))
          .filter((file) => !files.includes(file));
        // The drop-in has the library inside: its sources are in that package.
        const foreign = name === '@libusdt/dtrace-provider' ? /^\.\.\/libusdt\/src\// : /^$/;
        assert.deepEqual(
          missing.filter((file) => !foreign.test(file)),
          [],
          map,
        );
      }
    });
  }

  test('packages depend on each other in exactly the version that they were packed with', () => {
    const { version } = tarball('libusdt');
    for (const { name, manifest } of tarballs) {
      const { libusdt } = (manifest.dependencies ?? {}) as Record<string, string>;
      if (libusdt !== undefined) assert.equal(libusdt, version, name);
    }
  });

  test('publint finds nothing', { skip: withoutTools }, async () => {
    for (const { path } of tarballs) {
      const told = await runWell(
        [process.execPath, tool('publint/src/cli.js'), 'run', path, '--strict'],
        folder,
      );
      assert.match(told, /All good!/, told);
    }
  });

  test('arethetypeswrong finds nothing', { skip: withoutTools }, async () => {
    const check = async ({ name, path }: Tarball): Promise<unknown> => {
      // The others are ES modules, which CommonJS of Node 20.19 and later requires as they are.
      const profile = name === '@libusdt/dtrace-provider' ? 'node16' : 'esm-only';
      const attw = [process.execPath, tool('@arethetypeswrong/cli/dist/index.js'), path];
      return runWell([...attw, '--no-color', '--profile', profile], folder);
    };
    await Promise.all(tarballs.map(check));
  });
});

describe('installed and used with', { concurrency: 2 }, () => {
  for (const manager of PACKAGE_MANAGERS) {
    test(manager.name, { skip: manager.absent }, async (t) => {
      const project = join(folder, manager.name.replaceAll(/\W/g, '-'));
      makeProject(project, tarballs);
      for (const [file, content] of Object.entries(manager.files(registry))) {
        fs.writeFileSync(join(project, file), content);
      }
      await runWell(manager.install, project, manager.env);
      await works([...manager.start, 'app.mjs'], project, manager.env);
      const { startCommonJs = manager.start } = manager;
      if (typeof startCommonJs === 'string') return t.diagnostic(`CommonJS: ${startCommonJs}`);
      await works([...startCommonJs, 'app.cjs'], project, manager.env);
    });
  }
});

describe('in a project of npm', { concurrency: 2 }, () => {
  let project = '';
  before(async () => {
    project = join(folder, 'shop');
    const manifest = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly devDependencies: Record<string, string>;
    };
    makeProject(project, tarballs, { '@types/node': manifest.devDependencies['@types/node']! });
    fs.writeFileSync(join(project, '.npmrc'), `registry=${registry}\ncache=.cache\n`);
    await runWell(['npm', 'install', '--no-audit', '--no-fund'], project);
  });

  const compilers = [
    ['the TypeScript of this repository', join(ROOT, 'node_modules/typescript/bin/tsc'), false],
    ['TypeScript 5.9', tool('typescript/lib/tsc.js'), withoutTools],
  ] as const;
  const settings = [
    // It knows no require() of an ES module, which all but the drop-in are.
    ['node16', 'node16', ['typed.mts']],
    ['nodenext', 'nodenext', ['typed.mts', 'typed.cts']],
    ['esnext', 'bundler', ['typed.mts']],
  ] as const;
  for (const [compiler, path, skip] of compilers) {
    // The older one takes eight seconds for each: what differs between the settings is where types are found.
    const few = compiler === 'TypeScript 5.9' ? settings.slice(1, 2) : settings;
    for (const [module, moduleResolution, files] of few) {
      test(`${compiler} takes the types of ${files.join(' and ')} with ${moduleResolution}`, {
        skip,
      }, async () => {
        const config = `tsconfig-${compiler.replaceAll(/\W/g, '-')}-${moduleResolution}.json`;
        const compilerOptions = {
          module,
          moduleResolution,
          target: 'es2022',
          lib: ['es2022'],
          types: ['node'],
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          skipLibCheck: false,
          noEmit: true,
        };
        fs.writeFileSync(join(project, config), JSON.stringify({ compilerOptions, files }));
        await runWell([process.execPath, path, '-p', config, '--pretty', 'false'], project);
      });
    }
  }

  for (const { name, absent, extension, bundle } of BUNDLERS) {
    test(`bundled by ${name}, and run without the packages`, { skip: absent }, async () => {
      const output = join(fs.mkdtempSync(join(folder, 'bundle-')), `app.${extension}`);
      await bundle(project, 'app.mjs', output);
      assert.doesNotMatch(
        fs.readFileSync(output, 'utf8'),
        /rare\.cjs/,
        'nothing is left in a file beside it',
      );
      await works([process.execPath, output], join(output, '..'));
    });
  }
});
