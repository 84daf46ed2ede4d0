import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { kill } from '../../../../test/support/processes.ts';
import { cleanCache } from '../../src/publish/clean.ts';
import { temporaryName } from '../../src/publish/names.ts';
import { publish } from '../../src/publish/publish.ts';
import {
  age,
  BYTES,
  good,
  isRoot,
  lacking,
  NAME,
  opened,
  STRANGER,
  systemError,
  temporaryFolder,
  withPatchedFs,
} from '../platform/support.ts';

const DEAD = 2 ** 22 + 1;

function put(path: string, name: string, days: number): string {
  const file = join(path, name);
  fs.writeFileSync(file, BYTES, { mode: 0o755 });
  age(file, days);
  return file;
}

/** A temporary file's name as this process would choose it, but of a process that does not exist. */
function nameOfDead(): string {
  return temporaryName().replace(`-${process.pid}-`, `-${DEAD}-`);
}

describe('cleanCache', () => {
  it('removes what was not used for 30 days', (t) => {
    const folder = temporaryFolder(t);
    const old = put(folder, 'libusdt-old-0123456789abcdef.so', 31);
    const young = put(folder, 'libusdt-young-0123456789abcdef.so', 29);
    assert.deepEqual(cleanCache({ folder }), { removed: [old], kept: 1 });
    assert.deepEqual(cleanCache({ folder }), { removed: [], kept: 1 });
    assert.deepEqual(cleanCache({ folder, olderThanDays: 28 }), { removed: [young], kept: 0 });
  });

  it('removes everything that is not mapped with olderThanDays: 0', (t) => {
    const folder = temporaryFolder(t);
    const { file } = good(publish(opened(folder), NAME, BYTES));
    assert.deepEqual(cleanCache({ folder, olderThanDays: 0 }), { removed: [file], kept: 0 });
  });

  it('touches nothing else', (t) => {
    const folder = temporaryFolder(t);
    const names = [
      'libusdt.so',
      'libusdt-web.so',
      'other-0123456789abcdef.so',
      'libusdt-web-0123456789abcdef.so.bak',
    ];
    for (const name of [...names, 'notes.txt', '.tmp', '.tmp-1', '.lock-other', '.hidden'])
      put(folder, name, 1000);
    const before = fs.readdirSync(folder);
    const target = put(temporaryFolder(t), NAME, 1000);
    fs.symlinkSync(target, join(folder, NAME));
    age(join(folder, NAME), 1000);
    fs.mkdirSync(join(folder, 'libusdt-folder-0123456789abcdef.so'));
    age(join(folder, 'libusdt-folder-0123456789abcdef.so'), 1000);
    assert.deepEqual(cleanCache({ folder, olderThanDays: 0 }).removed, []);
    assert.deepEqual(
      fs.readdirSync(folder).sort(),
      [...before, NAME, 'libusdt-folder-0123456789abcdef.so'].sort(),
    );
    assert.ok(fs.existsSync(target));
  });

  it('keeps files of another user', (t) => {
    if (!isRoot(t)) return;
    const folder = temporaryFolder(t);
    fs.chownSync(put(folder, NAME, 1000), STRANGER, STRANGER);
    assert.deepEqual(cleanCache({ folder }), { removed: [], kept: 1 });
  });

  it('keeps a file that a process has mapped', { timeout: 30_000 }, async (t) => {
    const library = aLibrary();
    if (!library) return lacking(t, '/proc/self/maps');
    const folder = temporaryFolder(t);
    const { file } = good(publish(opened(folder), NAME, fs.readFileSync(library)));
    age(file, 1000);
    const child = spawn('sleep', ['60'], { env: { ...process.env, LD_PRELOAD: file }, stdio: 'ignore' });
    t.after(() => kill(child));
    while (!fs.readFileSync(`/proc/${child.pid}/maps`, 'latin1').includes(file)) {
      await new Promise((done) => setTimeout(done, 5));
    }
    assert.deepEqual(cleanCache({ folder, olderThanDays: 0 }), { removed: [], kept: 1 });
    const ended = new Promise((done) => child.once('exit', done));
    kill(child);
    await ended;
    assert.deepEqual(cleanCache({ folder, olderThanDays: 0 }), { removed: [file], kept: 0 });
  });

  it('keeps a file that begins to be used while it looks through the processes', (t) => {
    const folder = temporaryFolder(t);
    const file = put(folder, NAME, 1000);
    const { readdirSync } = fs;
    const patched = ((path: string) => {
      if (path === '/proc') age(file, 0);
      return readdirSync(path);
    }) as typeof readdirSync;
    const result = withPatchedFs({ readdirSync: patched }, () => cleanCache({ folder }));
    assert.deepEqual(result, { removed: [], kept: 1 });
  });

  it('counts as kept what can not be removed', (t) => {
    const folder = temporaryFolder(t);
    put(folder, NAME, 1000);
    const unlinkSync = () => {
      throw systemError('EROFS');
    };
    assert.deepEqual(
      withPatchedFs({ unlinkSync }, () => cleanCache({ folder })),
      { removed: [], kept: 1 },
    );
  });

  it('looks into every folder that would be published to', (t) => {
    const base = temporaryFolder(t);
    withEnvironment(t, {
      LIBUSDT_DIR: undefined,
      XDG_RUNTIME_DIR: base,
      XDG_CACHE_HOME: join(base, 'cache'),
    });
    fs.mkdirSync(join(base, 'libusdt'), { mode: 0o700 });
    fs.mkdirSync(join(base, 'cache/libusdt'), { recursive: true, mode: 0o700 });
    const expected = [put(join(base, 'libusdt'), NAME, 31), put(join(base, 'cache/libusdt'), NAME, 31)];
    assert.deepEqual(
      cleanCache().removed.filter((path) => path.startsWith(base)),
      expected,
    );
  });

  it('does not create folders, and leaves alone those that can not be trusted', (t) => {
    const base = temporaryFolder(t);
    assert.deepEqual(cleanCache({ folder: join(base, 'none') }), { removed: [], kept: 0 });
    assert.deepEqual(fs.readdirSync(base), []);
    fs.mkdirSync(join(base, 'open'));
    fs.chmodSync(join(base, 'open'), 0o777);
    put(join(base, 'open'), NAME, 1000);
    assert.deepEqual(cleanCache({ folder: join(base, 'open') }), { removed: [], kept: 0 });
    fs.chmodSync(join(base, 'open'), 0o700);
    fs.symlinkSync('open', join(base, 'link'));
    assert.deepEqual(cleanCache({ folder: join(base, 'link') }), { removed: [], kept: 0 });
  });

  for (const olderThanDays of [-1, Number.NaN, '30', null]) {
    it(`refuses olderThanDays: ${JSON.stringify(olderThanDays)}`, () => {
      assert.throws(() => cleanCache({ olderThanDays: olderThanDays as number }), {
        code: 'USDT_BAD_OPTION',
      });
    });
  }
  it('refuses a folder that is not a string', () => {
    assert.throws(() => cleanCache({ folder: 1 as unknown as string }), { code: 'USDT_BAD_OPTION' });
  });
});

describe('what killed processes left', () => {
  it('goes at once when its process is known to be dead', (t) => {
    const folder = temporaryFolder(t);
    const file = put(folder, nameOfDead(), 0);
    assert.deepEqual(cleanCache({ folder }).removed, [file]);
  });

  it('goes with the next file that is published', (t) => {
    const folder = temporaryFolder(t);
    put(folder, nameOfDead(), 0);
    good(publish(opened(folder), NAME, BYTES));
    assert.deepEqual(fs.readdirSync(folder), [NAME]);
  });

  it('stays a day while its process lives, here or elsewhere', (t) => {
    const folder = temporaryFolder(t);
    const names = [
      temporaryName(),
      // Another machine's or container's, or one of before the last start: the process id says nothing.
      `.tmp-${DEAD}-abcdef0123n4026531836-x`,
      `.tmp-${DEAD}-0-x`,
    ];
    for (const name of names) put(folder, name, 0.9);
    assert.deepEqual(cleanCache({ folder }).removed, []);
    for (const name of names) put(folder, name, 1.1);
    assert.equal(cleanCache({ folder }).removed.length, names.length);
  });

  it('stays when the process can not be asked after', (t) => {
    const folder = temporaryFolder(t);
    put(folder, nameOfDead(), 0);
    const { kill } = process;
    t.after(() => Object.assign(process, { kill }));
    Object.assign(process, {
      kill: () => {
        throw systemError('EPERM');
      },
    });
    assert.deepEqual(cleanCache({ folder }).removed, []);
  });

  it('a lock goes after a minute', (t) => {
    const folder = temporaryFolder(t);
    const lock = put(folder, `.lock-${NAME}`, 0);
    assert.deepEqual(cleanCache({ folder }).removed, []);
    age(lock, 2 / 1440);
    assert.deepEqual(cleanCache({ folder }).removed, [lock]);
  });
});

/** Some small shared library that can be preloaded anywhere. */
function aLibrary(): string | undefined {
  try {
    const maps = fs.readFileSync('/proc/self/maps', 'latin1');
    const libraries = [...maps.matchAll(/(\/\S+\.so[.\d]*)$/gm)].map(([, path]) => path!);
    return libraries.find((path) => /lib(m|dl|pthread|gcc_s)[.-]/.test(path)) ?? libraries[0];
  } catch {
    return undefined;
  }
}

function withEnvironment(t: TestContext, changes: Record<string, string | undefined>): void {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
