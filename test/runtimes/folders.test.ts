/**
 * Folders that nothing can be published in: the program goes on, its probes are in memory where that can be, and the
 * status says what is wrong with the folder. File systems are mounted in a mount namespace of the program's own,
 * which ends with it.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../support/folders.ts';
import { absent, without } from '../support/needs.ts';
import { program, type Runtime, runJson } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';
import { assertActive, assertUnavailable, type Report } from './reports.ts';

const node: Runtime = { command: [process.execPath] };
const NOBODY = 65534;

type Environment = Readonly<Record<string, string | undefined>>;

function report(runtime: Runtime, env: Environment): Report {
  return runJson<Report>(runtime, program('status.mjs'), { env });
}

/** Node with a tmpfs on each of these folders, with these options. */
function withMounts(mounts: Readonly<Record<string, string>>): Runtime {
  const commands = Object.entries(mounts).map(
    ([path, options]) => `mount -t tmpfs -o ${options} tmpfs ${path}`,
  );
  const script = [...commands, 'exec "$@"'].join(' && ');
  return { command: ['unshare', '--mount', 'sh', '-c', script, 'sh', process.execPath] };
}

function assertInMemory({ status, strict, again, after }: Report, detail: RegExp): void {
  const shown = JSON.stringify(status);
  assert.equal(status.state, 'active', shown);
  assert.equal(status.storage, 'memory', shown);
  assert.match(status.file!, /^\/proc\/\d+\/fd\/\d+$/);
  assert.match(status.detail!, /^in memory/);
  assert.match(status.detail!, detail);
  assert.equal(again.files?.length, 2);
  assert.equal(strict, null, 'tracers can see the probes');
  assert.equal(after, 'disabled');
}

const root = process.geteuid?.() === 0 ? false : absent('root');

describe('LIBUSDT_DIR', { timeout: PATIENCE }, () => {
  test('that is not absolute', () => {
    assertInMemory(report(node, { LIBUSDT_DIR: 'some/folder' }), /must be absolute, not "some\/folder"/);
  });

  test('that can not be made', () => {
    assertInMemory(report(node, { LIBUSDT_DIR: '/proc/none' }), /\/proc\/none/);
  });

  test('that is a file', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, 'kept');
    assertInMemory(report(node, { LIBUSDT_DIR: file }), /is not a folder/);
  });

  test('that others can write to', () => {
    const folder = join(temporaryFolder(), 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    assertInMemory(report(node, { LIBUSDT_DIR: folder }), /others have access .*mode 0777/);
    assert.deepEqual(readdirSync(folder), []);
  });

  test("that is somebody else's", { skip: root }, () => {
    const folder = join(temporaryFolder(), 'foreign');
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, NOBODY, NOBODY);
    assertInMemory(report(node, { LIBUSDT_DIR: folder }), /belongs to user 65534/);
    assert.deepEqual(readdirSync(folder), []);
  });

  test('that is a symbolic link', () => {
    const folder = temporaryFolder();
    const real = join(folder, 'real');
    mkdirSync(real, { mode: 0o700 });
    symlinkSync(real, join(folder, 'link'));
    const result = report(node, { LIBUSDT_DIR: join(folder, 'link') });
    assert.equal(result.status.state, 'active');
    assert.ok(!result.status.file!.includes('/link/'), 'no link is left in what is loaded');
  });

  test('that does not exist is made', () => {
    const folder = join(temporaryFolder(), 'new');
    assertActive(report(node, { LIBUSDT_DIR: folder }), folder);
  });
});

describe('file systems', { skip: root || without('unshare', 'mount'), timeout: PATIENCE }, () => {
  test('read-only', () => {
    const folder = temporaryFolder();
    assertInMemory(report(withMounts({ [folder]: 'ro,mode=0700' }), { LIBUSDT_DIR: folder }), /read-only/);
  });

  test('noexec', () => {
    const folder = temporaryFolder();
    assertInMemory(report(withMounts({ [folder]: 'noexec,mode=0700' }), { LIBUSDT_DIR: folder }), /noexec/);
  });

  test('full', () => {
    const folder = temporaryFolder();
    // The folder itself takes its only inode.
    const small = withMounts({ [folder]: 'nr_inodes=1,mode=0700' });
    assertInMemory(report(small, { LIBUSDT_DIR: folder }), /is full/);
  });

  test('noexec, where the next candidate is not', () => {
    const [runtime, home] = [temporaryFolder(), temporaryFolder()];
    const folder = join(home, '.cache', 'libusdt');
    const env = { LIBUSDT_DIR: undefined, XDG_RUNTIME_DIR: runtime, XDG_CACHE_HOME: undefined, HOME: home };
    assertActive(report(withMounts({ [runtime]: 'noexec,mode=0700' }), env), folder);
  });

  test('noexec everywhere', () => {
    const [folder, temporary] = [temporaryFolder(), temporaryFolder()];
    const mounts = { [folder]: 'noexec,mode=0700', [temporary]: 'noexec', '/dev/shm': 'noexec,mode=1777' };
    const result = report(withMounts(mounts), { LIBUSDT_DIR: folder, TMPDIR: temporary });
    assertUnavailable(result, 'folder-not-executable');
    for (const place of [folder, temporary, '/dev/shm']) assert.ok(result.status.detail!.includes(place));
  });
});
