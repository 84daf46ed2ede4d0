import assert from 'node:assert/strict';
import fs from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { chooseFolder, findFolder, folderCandidates, openFolder } from '../../src/publish/folder.ts';
import {
  asUser,
  good,
  isRoot,
  modeOf,
  mountTmpfs,
  opened,
  problem,
  STRANGER,
  systemError,
  temporaryFolder,
  withPatchedFs,
} from '../platform/support.ts';

describe('folderCandidates', () => {
  it('takes LIBUSDT_DIR alone when it is set', () => {
    const env = { LIBUSDT_DIR: '/x', XDG_RUNTIME_DIR: '/tmp', XDG_CACHE_HOME: '/c', HOME: '/tmp' };
    assert.deepEqual(folderCandidates(env), ['/x']);
  });

  it('goes from the runtime folder to the cache to the home', (t) => {
    const base = temporaryFolder(t);
    const env = { LIBUSDT_DIR: '', XDG_RUNTIME_DIR: base, XDG_CACHE_HOME: '/c', HOME: base };
    assert.deepEqual(folderCandidates(env), [
      join(base, 'libusdt'),
      '/c/libusdt',
      join(base, '.cache/libusdt'),
    ]);
  });

  it('leaves out relative paths, and runtime and home folders that do not exist', () => {
    const relative = { XDG_RUNTIME_DIR: '.', XDG_CACHE_HOME: 'cache', HOME: '.' };
    assert.deepEqual(folderCandidates(relative), []);
    assert.deepEqual(folderCandidates({ XDG_RUNTIME_DIR: '/nonexistent', HOME: '/nonexistent' }), []);
  });

  it('asks the system for the home folder when HOME is not set', () => {
    assert.deepEqual(folderCandidates({}), [join(homedir(), '.cache/libusdt')]);
  });

  it('survives an environment that must not be read', () => {
    const env = new Proxy({}, { get: () => assert.fail('NotCapable') });
    assert.doesNotThrow(() => folderCandidates(env));
  });
});

describe('openFolder', () => {
  it('creates what is missing for the owner alone, whatever the umask', (t) => {
    const base = temporaryFolder(t);
    const before = process.umask(0);
    try {
      assert.deepEqual(opened(join(base, 'a/b/c')), { path: join(base, 'a/b/c') });
    } finally {
      process.umask(before);
    }
    for (const path of ['a', 'a/b', 'a/b/c']) assert.equal(modeOf(join(base, path)), 0o700, path);
    assert.deepEqual(opened(join(base, 'a/b/c/')), { path: join(base, 'a/b/c') });
  });

  it('returns the canonical path', (t) => {
    const base = temporaryFolder(t);
    // Some users' umask lets their group write.
    fs.mkdirSync(join(base, 'real'), { mode: 0o700 });
    fs.symlinkSync('real', join(base, 'link'));
    assert.equal(opened(join(base, 'link/libusdt')).path, join(base, 'real/libusdt'));
  });

  it('refuses a folder that is itself a symbolic link', (t) => {
    const base = temporaryFolder(t);
    fs.mkdirSync(join(base, 'real'), { mode: 0o700 });
    fs.symlinkSync('real', join(base, 'libusdt'));
    const { reason, detail } = problem(openFolder(join(base, 'libusdt')));
    assert.equal(reason, 'folder-not-usable');
    assert.match(detail, /symbolic link/);
    assert.match(problem(openFolder(join(base, 'libusdt/'))).detail, /symbolic link/);
  });

  it('refuses a dangling symbolic link, and does not create what it names', (t) => {
    const base = temporaryFolder(t);
    fs.symlinkSync('elsewhere', join(base, 'libusdt'));
    assert.match(problem(openFolder(join(base, 'libusdt'))).detail, /symbolic link/);
    assert.match(problem(openFolder(join(base, 'libusdt/below'))).detail, /symbolic link/);
    assert.equal(fs.existsSync(join(base, 'elsewhere')), false);
  });

  it('refuses a folder that is put in place between the two looks', (t) => {
    const base = temporaryFolder(t);
    const path = join(base, 'libusdt');
    fs.mkdirSync(path, { mode: 0o700 });
    fs.mkdirSync(join(base, 'evil'), { mode: 0o700 });
    const { openSync } = fs;
    const swapping: typeof openSync = (file, ...rest) =>
      openSync(file === path ? join(base, 'evil') : file, ...rest);
    const { detail } = problem(withPatchedFs({ openSync: swapping }, () => openFolder(path)));
    assert.match(detail, /was replaced/);
  });

  for (const mode of [0o701, 0o704, 0o710, 0o720, 0o750, 0o755, 0o777, 0o1777]) {
    it(`refuses mode ${mode.toString(8)}`, (t) => {
      const path = join(temporaryFolder(t), 'libusdt');
      fs.mkdirSync(path);
      fs.chmodSync(path, mode);
      const { reason, detail } = problem(openFolder(path));
      assert.equal(reason, 'folder-not-usable');
      assert.match(detail, /others have access .*mode 0700/);
      assert.equal(modeOf(path), mode, 'nothing is corrected behind the owner');
    });
  }

  it('refuses a folder of another user', (t) => {
    if (!isRoot(t)) return;
    const path = join(temporaryFolder(t), 'libusdt');
    fs.mkdirSync(path, { mode: 0o700 });
    fs.chownSync(path, STRANGER, STRANGER);
    assert.match(problem(openFolder(path)).detail, /belongs to user 65534, not to user 0/);
  });

  it('refuses what root owns, for others than root', (t) => {
    if (!isRoot(t)) return;
    const base = temporaryFolder(t);
    fs.chmodSync(base, 0o755);
    fs.mkdirSync(join(base, 'libusdt'), { mode: 0o700 });
    const refused = problem(asUser(STRANGER, () => openFolder(join(base, 'libusdt'))));
    assert.match(refused.detail, /permission denied/);
  });

  it("refuses root a folder below another user's, even where only root can write to it", (t) => {
    if (!isRoot(t)) return;
    const base = temporaryFolder(t);
    fs.mkdirSync(join(base, 'home/libusdt'), { recursive: true, mode: 0o700 });
    fs.chownSync(join(base, 'home'), STRANGER, STRANGER);
    assert.match(problem(openFolder(join(base, 'home/libusdt'))).detail, /home belongs to user 65534/);
    assert.match(problem(openFolder(join(base, 'home/new'))).detail, /home belongs to user 65534/);
    assert.equal(fs.existsSync(join(base, 'home/new')), false, 'and creates nothing there');
  });

  for (const mode of [0o770, 0o707, 0o777]) {
    it(`refuses a folder below one with mode ${mode.toString(8)}`, (t) => {
      const base = temporaryFolder(t);
      fs.mkdirSync(join(base, 'open/deep'), { recursive: true, mode: 0o700 });
      fs.chmodSync(join(base, 'open'), mode);
      for (const path of ['open/libusdt', 'open/deep/libusdt']) {
        const { reason, detail } = problem(openFolder(join(base, path)));
        assert.equal(reason, 'folder-not-usable');
        assert.match(detail, /others can write to .*\/open .*chmod go-w/);
        assert.equal(fs.existsSync(join(base, path)), false);
      }
    });
  }

  it('accepts a folder below a sticky one, as in /tmp', (t) => {
    const base = temporaryFolder(t);
    fs.mkdirSync(join(base, 'tmp'));
    fs.chmodSync(join(base, 'tmp'), 0o1777);
    opened(join(base, 'tmp/libusdt'));
  });

  it('works for a user without any right but on the folder itself', (t) => {
    if (!isRoot(t)) return;
    const base = temporaryFolder(t);
    fs.chmodSync(base, 0o1777);
    const path = join(base, 'libusdt');
    assert.deepEqual(
      asUser(STRANGER, () => openFolder(path)),
      { path },
    );
    assert.equal(fs.statSync(path).uid, STRANGER);
  });

  it('refuses files, the root folder, relative paths and paths with NUL', (t) => {
    const base = temporaryFolder(t);
    fs.writeFileSync(join(base, 'file'), '');
    assert.match(problem(openFolder(join(base, 'file'))).detail, /not a folder/);
    assert.match(problem(openFolder(join(base, 'file/below'))).detail, /not a folder/);
    assert.match(problem(openFolder('/')).detail, /root folder/);
    assert.match(problem(openFolder('relative')).detail, /absolute/);
    assert.match(problem(openFolder('')).detail, /absolute/);
    assert.match(problem(openFolder('/tmp/\0')).detail, /NUL/);
    assert.match(problem(openFolder(join(base, 'x'.repeat(300)))).detail, /too long/);
  });

  it('says that a folder can not be created on a read-only file system', (t) => {
    const base = temporaryFolder(t);
    if (!mountTmpfs(t, base, 'ro,mode=0700')) return;
    const { reason, detail } = problem(openFolder(join(base, 'libusdt')));
    assert.equal(reason, 'folder-not-writable');
    assert.match(detail, /read-only.*LIBUSDT_DIR/);
  });

  it('accepts the folder that another process creates at the same moment', (t) => {
    const path = join(temporaryFolder(t), 'libusdt');
    const { mkdirSync } = fs;
    const late = ((file: string, options: fs.MakeDirectoryOptions) => {
      mkdirSync(file, options);
      throw systemError('EEXIST');
    }) as typeof mkdirSync;
    good(withPatchedFs({ mkdirSync: late }, () => openFolder(path)));
  });

  it('is out of its depth where files have no owners', (t) => {
    const { geteuid } = process;
    t.after(() => Object.assign(process, { geteuid }));
    Object.assign(process, { geteuid: undefined });
    assert.equal(problem(openFolder('/tmp/libusdt')).reason, 'platform-not-supported');
  });
});

describe('findFolder', () => {
  it('creates nothing', (t) => {
    const base = temporaryFolder(t);
    assert.match(problem(findFolder(join(base, 'a/b'))).detail, /does not exist/);
    assert.deepEqual(fs.readdirSync(base), []);
    fs.mkdirSync(join(base, 'a/b'), { recursive: true, mode: 0o700 });
    assert.deepEqual(findFolder(join(base, 'a/b')), { path: join(base, 'a/b') });
  });
});

describe('chooseFolder', () => {
  it('takes the next candidate where one is not usable', (t) => {
    const base = temporaryFolder(t);
    fs.mkdirSync(join(base, 'run'));
    fs.writeFileSync(join(base, 'run/libusdt'), '');
    const env = { XDG_RUNTIME_DIR: join(base, 'run'), XDG_CACHE_HOME: join(base, 'cache'), HOME: base };
    assert.deepEqual(chooseFolder(env), { path: join(base, 'cache/libusdt') });
  });

  it('never goes past LIBUSDT_DIR', (t) => {
    const base = temporaryFolder(t);
    fs.writeFileSync(join(base, 'file'), '');
    const env = { LIBUSDT_DIR: join(base, 'file'), HOME: base };
    assert.equal(problem(chooseFolder(env)).path, join(base, 'file'));
    assert.deepEqual(fs.readdirSync(base), ['file']);
  });

  it('names every candidate when none will do', (t) => {
    const base = temporaryFolder(t);
    fs.writeFileSync(join(base, 'libusdt'), '');
    fs.writeFileSync(join(base, '.cache'), '');
    const { detail } = problem(chooseFolder({ XDG_RUNTIME_DIR: base, HOME: base }));
    assert.match(detail, /\/libusdt is not a folder.*; .*\.cache/);
    const none = problem(chooseFolder({ HOME: '/nonexistent' }));
    assert.equal(none.reason, 'folder-not-usable');
    assert.match(none.detail, /set LIBUSDT_DIR/);
  });
});
