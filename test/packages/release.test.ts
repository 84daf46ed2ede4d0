/** `npm run release`, in a repository that is a copy of this one's packages. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { ROOT } from './tarballs.ts';

const PACKAGES = ['libusdt', 'cli', 'node', 'dtrace-provider'];
const folders: string[] = [];
after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

let repository = '';
const path = (file: string): string => join(repository, file);
const read = (file: string): string => fs.readFileSync(path(file), 'utf8');
const manifest = (name: string): Manifest => JSON.parse(read(`packages/${name}/package.json`)) as Manifest;

function git(...args: readonly string[]): string {
  // Nothing of the user's own settings, hooks and signatures.
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: repository, encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

function commit(subject: string): void {
  git('commit', '--quiet', '--allow-empty', '--message', subject);
}

function release(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const script = path('scripts/release.mjs');
  return spawnSync(process.execPath, [script, ...args], { cwd: repository, encoding: 'utf8' });
}

/** Runs it, to be refused: nothing may have changed. */
function refused(why: RegExp, ...args: readonly string[]): void {
  const state = (): string => [git('status', '--porcelain'), git('rev-parse', 'HEAD'), git('tag')].join();
  const before = state();
  const { status, stderr } = release(...args);
  assert.equal(status, 1);
  assert.match(stderr, why);
  assert.match(stderr, /nothing was changed/);
  assert.equal(state(), before);
}

beforeEach(() => {
  repository = fs.mkdtempSync(join(tmpdir(), 'libusdt-release-'));
  folders.push(repository);
  const files = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'scripts/release.mjs'];
  for (const file of [...files, ...PACKAGES.map((name) => `packages/${name}/package.json`)]) {
    fs.cpSync(join(ROOT, file), path(file), { recursive: true });
  }
  // The versions of this test, whatever those of today are.
  for (const name of PACKAGES) {
    const file = `packages/${name}/package.json`;
    const own = name === 'dtrace-provider' ? '0.8.100' : '0.1.0';
    const text = read(file).replace(/"version": ".*"/, `"version": "${own}"`);
    fs.writeFileSync(path(file), text.replace(/"libusdt": ".*"/, '"libusdt": "0.1.0"'));
  }
  fs.writeFileSync(path('CHANGELOG.md'), '# Changelog\n\n## Unreleased\n\n- The first.\n');
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Tester');
  git('config', 'user.email', 'tester@example.com');
  git('add', '--all');
  commit('build: begin');
});

test('the first release has the version that is there', () => {
  const { status, stdout, stderr } = release('0.1.0');
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^libusdt 0\.1\.0\n@libusdt\/cli 0\.1\.0\n@libusdt\/node 0\.1\.0\n.*provider 0\.8\.100\n/,
  );
  assert.equal(git('tag'), 'v0.1.0');
  const day = new Date().toISOString().slice(0, 10);
  assert.equal(
    read('CHANGELOG.md'),
    `# Changelog\n\n## Unreleased\n\n## 0.1.0 (${day}), @libusdt/dtrace-provider 0.8.100\n\n- The first.\n`,
  );
});

test('sets all versions, writes the changelog, commits and makes a tag', () => {
  release('0.1.0');
  commit('cli: list probes of a core file');
  commit('test: wait for less');
  commit('libusdt: take a 33rd argument');
  commit('cli: say what a core file lacks');
  const { status, stderr } = release('0.10.0');
  assert.equal(status, 0, stderr);

  for (const name of ['libusdt', 'cli', 'node']) assert.equal(manifest(name).version, '0.10.0');
  assert.equal(manifest('dtrace-provider').version, '0.8.101');
  assert.equal(manifest('cli').dependencies?.libusdt, '0.10.0');
  assert.equal(manifest('node').dependencies?.libusdt, '0.10.0');
  assert.equal(manifest('dtrace-provider').devDependencies?.libusdt, '0.10.0');
  assert.doesNotMatch(PACKAGES.map((name) => read(`packages/${name}/package.json`)).join(''), /0\.1\.0/);

  const [, first, second] = read('CHANGELOG.md').split(/^## /m).slice(0, 3);
  assert.equal(first, 'Unreleased\n\n');
  assert.match(
    second!,
    /^0\.10\.0 \(....-..-..\), @libusdt\/dtrace-provider 0\.8\.101\n\n### libusdt\n\n- take a 33rd argument\n\n### @libusdt\/cli\n\n- list probes of a core file\n- say what a core file lacks\n\n$/,
  );
  assert.match(read('CHANGELOG.md'), /## 0\.1\.0 .*\n\n- The first\.\n$/);

  assert.equal(git('status', '--porcelain'), '');
  assert.equal(git('log', '-1', '--format=%s'), 'release: 0.10.0');
  assert.equal(git('rev-parse', 'v0.10.0^{commit}'), git('rev-parse', 'HEAD'));
  assert.equal(git('cat-file', '-t', 'v0.10.0'), 'tag');
  const args = ['ci', '--dry-run', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = spawnSync('npm', args, { cwd: repository, encoding: 'utf8' });
  assert.equal(npm.status, 0, npm.stderr);
});

test('it writes package.json and the lock file as Biome and npm do', () => {
  assert.equal(release('0.1.0').status, 0);
  const changed = git('show', '--format=', '--name-only', 'HEAD').split('\n');
  assert.deepEqual(
    changed.filter((file) => file !== 'package-lock.json'),
    ['CHANGELOG.md'],
  );
});

test('is refused, and changes nothing', async (t) => {
  await t.test('without a version, or with two', () => {
    refused(/usage: npm run release -- VERSION/);
    refused(/usage/, '0.2.0', '0.3.0');
  });
  await t.test('for what is not a version', () => {
    for (const version of ['v0.2.0', '0.2', '0.02.0', '0.2.0-beta.1', 'major', '']) {
      refused(/is not a version like 1\.2\.3/, version);
    }
  });
  await t.test('for a version that is not higher', () => {
    refused(/0\.0\.9 is not higher than 0\.1\.0/, '0.0.9');
    assert.equal(release('0.1.0').status, 0);
    refused(/the tag v0\.1\.0 is there already/, '0.1.0');
    git('tag', '--delete', 'v0.1.0');
    git('tag', 'v0.0.1');
    refused(/0\.1\.0 is not higher than 0\.1\.0/, '0.1.0');
  });
  await t.test('with nothing to tell', () => {
    assert.equal(release('0.2.0').status, 0);
    commit('test: wait for less');
    refused(/there is nothing to tell/, '0.3.0');
  });
  await t.test('with uncommitted changes', () => {
    fs.writeFileSync(path('new.txt'), '');
    refused(/there are uncommitted changes/, '0.2.0');
    fs.rmSync(path('new.txt'));
    fs.appendFileSync(path('CHANGELOG.md'), 'more\n');
    refused(/there are uncommitted changes/, '0.2.0');
  });
  await t.test('without a place in the changelog', () => {
    fs.writeFileSync(path('CHANGELOG.md'), '# Changelog\n');
    git('commit', '--quiet', '--all', '--message', 'docs: none');
    refused(/no "## Unreleased"/, '0.2.0');
  });
});
