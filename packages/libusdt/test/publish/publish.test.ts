import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Published, publish, publishFirst } from '../../src/publish/publish.ts';
import type { Problem } from '../../src/runtime/reasons.ts';
import {
  age,
  asUser,
  BYTES,
  good,
  isRoot,
  modeOf,
  mountTmpfs,
  NAME,
  opened,
  problem,
  STRANGER,
  systemError,
  temporaryFolder,
  withPatchedFs,
} from '../platform/support.ts';

function publishIn(path: string, bytes = BYTES): Published | Problem {
  return publish(opened(path), NAME, bytes);
}

/** The file is the only one in the folder and exactly as it should be. */
function assertClean(path: string, bytes = BYTES): void {
  assert.deepEqual(fs.readdirSync(path), [NAME]);
  const file = join(path, NAME);
  assert.ok(fs.lstatSync(file).isFile());
  assert.equal(modeOf(file), 0o755);
  assert.equal(fs.lstatSync(file).uid, process.geteuid?.());
  assert.deepEqual(new Uint8Array(fs.readFileSync(file)), bytes);
}

describe('publish', () => {
  it('writes a file once, and finds it afterwards', (t) => {
    const path = temporaryFolder(t);
    assert.deepEqual(publishIn(path), { file: join(path, NAME), created: true });
    assertClean(path);
    const { ino, mtimeMs } = fs.statSync(join(path, NAME));
    assert.deepEqual(publishIn(path), { file: join(path, NAME), created: false });
    assertClean(path);
    assert.equal(fs.statSync(join(path, NAME)).ino, ino);
    assert.equal(fs.statSync(join(path, NAME)).mtimeMs, mtimeMs);
    assert.equal(fs.statSync(join(path, NAME)).nlink, 1);
  });

  for (const umask of [0, 0o077, 0o777]) {
    it(`gives mode 0755 under umask ${umask.toString(8)}`, (t) => {
      const path = temporaryFolder(t);
      const before = process.umask(umask);
      try {
        good(publishIn(path));
      } finally {
        process.umask(before);
      }
      assertClean(path);
    });
  }

  it('sets the mode by name where descriptors are not allowed to, as under --permission', (t) => {
    const path = temporaryFolder(t);
    const before = process.umask(0o077);
    const fchmodSync = () => {
      throw systemError('ERR_ACCESS_DENIED');
    };
    try {
      good(withPatchedFs({ fchmodSync }, () => publishIn(path)));
    } finally {
      process.umask(before);
    }
    assertClean(path);
  });

  it('publishes nothing at all, and much', (t) => {
    const empty = temporaryFolder(t);
    good(publishIn(empty, new Uint8Array(0)));
    assertClean(empty, new Uint8Array(0));
    const large = temporaryFolder(t);
    const bytes = new Uint8Array(5_000_000).fill(1);
    good(publishIn(large, bytes));
    assertClean(large, bytes);
    assert.equal(good(publishIn(large, bytes)).created, false);
  });

  it('goes on after writes and reads that do a part', (t) => {
    const path = temporaryFolder(t);
    const { writeSync, readSync } = fs;
    const patch = {
      writeSync: ((fd: number, bytes: Uint8Array, at: number, length: number) =>
        writeSync(fd, bytes, at, Math.min(length, 777))) as typeof writeSync,
      readSync: ((fd: number, bytes: Uint8Array, at: number, length: number, position: number) =>
        readSync(fd, bytes, at, Math.min(length, 777), position)) as typeof readSync,
    };
    withPatchedFs(patch, () => {
      assert.equal(good(publishIn(path)).created, true);
      assert.equal(good(publishIn(path)).created, false);
    });
    assertClean(path);
  });

  for (const name of ['', '.', '..', 'a.so', '../libusdt-web-0123456789abcdef.so', '.tmp-1-a-b']) {
    it(`refuses the name ${JSON.stringify(name)}`, (t) => {
      const folder = opened(temporaryFolder(t));
      assert.throws(() => publish(folder, name, BYTES), RangeError);
    });
  }
  it('refuses a name with a line feed at its end, without a hash, or too long', (t) => {
    const folder = opened(temporaryFolder(t));
    for (const name of [`${NAME}\n`, 'libusdt-web.so', `libusdt-${'x'.repeat(250)}-0123456789abcdef.so`]) {
      assert.throws(() => publish(folder, name, BYTES), RangeError);
    }
  });
});

describe('publish over something that is not as it should be', () => {
  const cases: Record<string, (file: string, t: TestContext) => void> = {
    'another content of the same size': (file) => {
      fs.writeFileSync(
        file,
        BYTES.map((byte, index) => (index === 9_999 ? byte ^ 1 : byte)),
        { mode: 0o755 },
      );
    },
    'zeros, as a power cut leaves them': (file) => {
      fs.writeFileSync(file, new Uint8Array(BYTES.length), { mode: 0o755 });
    },
    'a truncated file': (file) => fs.writeFileSync(file, BYTES.subarray(0, 5_000), { mode: 0o755 }),
    'an empty file': (file) => fs.writeFileSync(file, '', { mode: 0o755 }),
    'a longer file': (file) => fs.writeFileSync(file, Buffer.concat([BYTES, BYTES]), { mode: 0o755 }),
    'a file without the execute bit': (file) => fs.writeFileSync(file, BYTES, { mode: 0o644 }),
    'a file for the owner alone': (file) => fs.writeFileSync(file, BYTES, { mode: 0o700 }),
    'a file that others may write to': (file) => {
      fs.writeFileSync(file, BYTES);
      fs.chmodSync(file, 0o775);
    },
    'a set-user-id file': (file) => {
      fs.writeFileSync(file, BYTES);
      fs.chmodSync(file, 0o4755);
    },
    'a file that nobody may read': (file) => fs.writeFileSync(file, BYTES, { mode: 0 }),
    'a symbolic link to the very same content': (file, t) => {
      const other = join(temporaryFolder(t), 'other');
      fs.writeFileSync(other, BYTES, { mode: 0o755 });
      fs.symlinkSync(other, file);
    },
    'a dangling symbolic link': (file) => fs.symlinkSync('/nonexistent/libusdt', file),
    'a symbolic link to itself': (file) => fs.symlinkSync(NAME, file),
    'a pipe': (file) => execFileSync('mkfifo', ['-m', '755', file]),
    'an empty folder': (file) => fs.mkdirSync(file),
  };
  for (const [what, make] of Object.entries(cases)) {
    it(`replaces ${what}`, (t) => {
      const path = temporaryFolder(t);
      const file = join(path, NAME);
      make(file, t);
      const before = fs.lstatSync(file).ino;
      // Keeps the inode's number from being used again.
      if (!fs.lstatSync(file).isDirectory()) fs.linkSync(file, join(temporaryFolder(t), 'kept'));
      assert.deepEqual(publishIn(path), { file, created: true });
      assertClean(path);
      assert.notEqual(fs.lstatSync(file).ino, before, 'a new file, not a repaired one');
    });
  }

  it('does not touch what a symbolic link names', (t) => {
    const path = temporaryFolder(t);
    const victim = join(temporaryFolder(t), 'victim');
    fs.writeFileSync(victim, 'precious', { mode: 0o600 });
    fs.symlinkSync(victim, join(path, NAME));
    good(publishIn(path));
    assert.equal(fs.readFileSync(victim, 'utf8'), 'precious');
    assert.equal(modeOf(victim), 0o600);
  });

  it('replaces a file of another user', (t) => {
    if (!isRoot(t)) return;
    const path = temporaryFolder(t);
    fs.writeFileSync(join(path, NAME), BYTES, { mode: 0o755 });
    fs.chownSync(join(path, NAME), STRANGER, STRANGER);
    assert.equal(good(publishIn(path)).created, true);
    assertClean(path);
  });

  it('replaces what is swapped in between the two looks', (t) => {
    const path = temporaryFolder(t);
    good(publishIn(path));
    const other = join(temporaryFolder(t), 'other');
    fs.copyFileSync(join(path, NAME), other);
    fs.chmodSync(other, 0o755);
    const { openSync } = fs;
    const swapping: typeof openSync = (file, ...rest) =>
      openSync(file === join(path, NAME) ? other : file, ...rest);
    assert.equal(good(withPatchedFs({ openSync: swapping }, () => publishIn(path))).created, true);
  });

  it('says what to do about a folder with something in it', (t) => {
    const path = temporaryFolder(t);
    fs.mkdirSync(join(path, NAME, 'precious'), { recursive: true });
    const { reason, detail } = problem(publishIn(path));
    assert.equal(reason, 'folder-not-usable');
    assert.match(detail, /not an empty one/);
    assert.deepEqual(fs.readdirSync(path), [NAME]);
    assert.ok(fs.existsSync(join(path, NAME, 'precious')));
  });

  it('waits for another process that replaces the file', (t) => {
    const path = temporaryFolder(t);
    const file = join(path, NAME);
    fs.writeFileSync(file, 'bad');
    fs.writeFileSync(join(path, `.lock-${NAME}`), '');
    const { openSync, rmSync } = fs;
    let tries = 0;
    const patched = ((...args: Parameters<typeof openSync>) => {
      if (String(args[0]).includes('.lock-') && ++tries === 3) {
        rmSync(file);
        fs.writeFileSync(file, BYTES, { mode: 0o755 });
        rmSync(String(args[0]));
      }
      return openSync(...args);
    }) as typeof openSync;
    assert.deepEqual(
      withPatchedFs({ openSync: patched }, () => publishIn(path)),
      { file, created: false },
    );
    assert.equal(tries, 3);
    assertClean(path);
  });

  it('does not wait for a dead one', (t) => {
    const path = temporaryFolder(t);
    fs.writeFileSync(join(path, NAME), 'bad');
    const lock = join(path, `.lock-${NAME}`);
    fs.writeFileSync(lock, '');
    age(lock, (1 / 86_400) * 10);
    assert.equal(good(publishIn(path)).created, true);
    assertClean(path);
  });

  it('does not wait for ever for one from the future', (t) => {
    const path = temporaryFolder(t);
    fs.writeFileSync(join(path, NAME), 'bad');
    const lock = join(path, `.lock-${NAME}`);
    fs.writeFileSync(lock, '');
    age(lock, -1);
    assert.equal(good(publishIn(path)).created, true);
  });
});

describe('publish on a file system without hard links', () => {
  for (const code of ['EPERM', 'ENOTSUP', 'EMLINK']) {
    it(`renames after ${code}`, (t) => {
      const path = temporaryFolder(t);
      const linkSync = () => {
        throw systemError(code);
      };
      withPatchedFs({ linkSync }, () => {
        assert.equal(good(publishIn(path)).created, true);
        assert.equal(good(publishIn(path)).created, false);
        fs.writeFileSync(join(path, NAME), 'bad');
        assert.equal(good(publishIn(path)).created, true);
      });
      assertClean(path);
    });
  }

  it('takes the file of a process that was faster', (t) => {
    const path = temporaryFolder(t);
    const linkSync = () => {
      fs.writeFileSync(join(path, NAME), BYTES, { mode: 0o755 });
      throw systemError('EPERM');
    };
    assert.equal(good(withPatchedFs({ linkSync }, () => publishIn(path))).created, false);
    assertClean(path);
  });
});

describe('publish where it can not work', () => {
  it('says that the file system is full, and leaves nothing', (t) => {
    const path = temporaryFolder(t);
    if (!mountTmpfs(t, path, 'size=64k,mode=0700')) return;
    const { reason, detail } = problem(publishIn(path, new Uint8Array(200_000)));
    assert.equal(reason, 'disk-full');
    assert.match(detail, /is full: free some space/);
    assert.deepEqual(fs.readdirSync(path), []);
    good(publishIn(path));
    assertClean(path);
  });

  it('says that the file system has no room for another file', (t) => {
    const path = temporaryFolder(t);
    if (!mountTmpfs(t, path, 'nr_inodes=1,mode=0700')) return;
    assert.equal(problem(publishIn(path)).reason, 'disk-full');
    assert.deepEqual(fs.readdirSync(path), []);
  });

  it('says that the file system is read-only, but uses what is on it', (t) => {
    const path = temporaryFolder(t);
    if (!mountTmpfs(t, path, 'mode=0700')) return;
    good(publishIn(path));
    age(join(path, NAME), 10);
    execFileSync('mount', ['-o', 'remount,ro', path]);
    assert.deepEqual(publishIn(path), { file: join(path, NAME), created: false });
    const { reason, detail } = problem(publishIn(path, new Uint8Array(5)));
    assert.equal(reason, 'folder-not-writable');
    assert.match(detail, /read-only/);
  });

  it('says that the folder is not writable', (t) => {
    if (!isRoot(t)) return;
    const path = temporaryFolder(t);
    fs.chownSync(path, STRANGER, STRANGER);
    fs.chmodSync(path, 0o500);
    const result = asUser(STRANGER, () => publishIn(path));
    assert.equal(problem(result).reason, 'folder-not-writable');
    assert.match(problem(result).detail, /permission denied/);
  });

  it('says that the folder has vanished', (t) => {
    const folder = opened(join(temporaryFolder(t), 'libusdt'));
    fs.rmdirSync(folder.path);
    assert.equal(problem(publish(folder, NAME, BYTES)).reason, 'folder-not-usable');
  });

  const failures: [keyof typeof fs, string, string][] = [
    ['writeSync', 'ENOSPC', 'disk-full'],
    ['writeSync', 'EDQUOT', 'disk-full'],
    ['writeSync', 'EIO', 'folder-not-usable'],
    ['closeSync', 'EDQUOT', 'disk-full'],
    ['chmodSync', 'EPERM', 'folder-not-writable'],
    ['linkSync', 'EDQUOT', 'disk-full'],
    ['linkSync', 'ENOSPC', 'disk-full'],
    ['renameSync', 'EACCES', 'folder-not-writable'],
    ['openSync', 'EMFILE', 'out-of-descriptors'],
    ['openSync', 'ENFILE', 'out-of-descriptors'],
    ['openSync', 'ENOMEM', 'out-of-memory'],
    ['openSync', 'EROFS', 'folder-not-writable'],
  ];
  for (const [name, code, reason] of failures) {
    it(`reports ${code} of ${name} as ${reason}, and leaves nothing`, (t) => {
      const path = temporaryFolder(t);
      const folder = opened(path);
      const original = fs[name] as (...args: unknown[]) => unknown;
      const fail = (...args: unknown[]) => {
        if (name === 'closeSync') original(...args);
        throw systemError(code);
      };
      const patch: Record<string, unknown> = { [name]: fail };
      if (name === 'renameSync') {
        patch.linkSync = () => {
          throw systemError('EPERM');
        };
      }
      if (name === 'chmodSync') patch.fchmodSync = fail;
      const before = process.umask(0o077);
      const descriptors = fs.readdirSync('/dev/fd').length;
      try {
        const result = withPatchedFs(patch as Partial<typeof fs>, () => publish(folder, NAME, BYTES));
        assert.equal(problem(result).reason, reason);
        assert.ok(problem(result).detail.includes(path));
      } finally {
        process.umask(before);
      }
      assert.deepEqual(fs.readdirSync(path), []);
      assert.equal(fs.readdirSync('/dev/fd').length, descriptors, 'no descriptor is left open');
    });
  }

  it('does not hang when nothing gets written', (t) => {
    const path = temporaryFolder(t);
    const result = withPatchedFs({ writeSync: (() => 0) as typeof fs.writeSync }, () => publishIn(path));
    assert.equal(problem(result).reason, 'disk-full');
  });

  it('refuses a file system that does not keep the mode', (t) => {
    const path = temporaryFolder(t);
    const before = process.umask(0o077);
    try {
      const { detail } = problem(withPatchedFs({ fchmodSync: () => {} }, () => publishIn(path)));
      assert.match(detail, /does not keep a file's owner and mode/);
    } finally {
      process.umask(before);
    }
    assert.deepEqual(fs.readdirSync(path), []);
  });

  it('gives up on a file that is removed whenever it is looked at', (t) => {
    const path = temporaryFolder(t);
    const linkSync = () => {
      throw systemError('EEXIST');
    };
    assert.match(problem(withPatchedFs({ linkSync }, () => publishIn(path))).detail, /disappears/);
    assert.deepEqual(fs.readdirSync(path), []);
  });
});

describe('the time stamp', () => {
  it('is renewed once a day, for cleanCache', (t) => {
    const path = temporaryFolder(t);
    const { file } = good(publishIn(path));
    age(file, 0.5);
    const { mtimeMs } = fs.statSync(file);
    good(publishIn(path));
    assert.equal(fs.statSync(file).mtimeMs, mtimeMs);
    age(file, 2);
    assert.equal(good(publishIn(path)).created, false);
    assert.ok(Date.now() - fs.statSync(file).mtimeMs < 60_000);
  });

  it('does not matter where it can not be set', (t) => {
    const path = temporaryFolder(t);
    age(good(publishIn(path)).file, 2);
    const utimesSync = () => {
      throw systemError('EROFS');
    };
    assert.equal(good(withPatchedFs({ utimesSync }, () => publishIn(path))).created, false);
  });
});

describe('publishFirst', () => {
  it('goes on to the next folder when one is full, refused, or not accepted', (t) => {
    const base = temporaryFolder(t);
    const paths = ['refused', 'full', 'noexec', 'fine', 'unused'].map((name) => join(base, name));
    fs.writeFileSync(join(base, 'refused'), '');
    const { linkSync } = fs;
    const patched = ((from: string, to: string) => {
      if (to.includes('/full/')) throw systemError('ENOSPC');
      linkSync(from, to);
    }) as typeof linkSync;
    const noexec: Problem = { path: 'x', reason: 'folder-not-executable', detail: 'noexec' };
    const accept = (published: Published) => (published.file.includes('/noexec/') ? noexec : published);
    const result = withPatchedFs({ linkSync: patched }, () => publishFirst(paths, NAME, BYTES, accept));
    assert.deepEqual(result, { file: join(base, 'fine', NAME), created: true });
    assert.equal(fs.existsSync(join(base, 'unused')), false);
    const all = problem(publishFirst(paths.slice(0, 1), NAME, BYTES, accept));
    assert.match(all.detail, /refused is not a folder/);
    assert.equal(problem(publishFirst([], NAME, BYTES, accept)).reason, 'folder-not-usable');
  });
});
