/** `usdt` where no tracefs is mounted, or only one that can't be used: in a mount namespace of the test's own. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without, withoutRoot } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { jsonLines, MAIN, startShop, usdt } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { rootCommand } from '../../src/root.ts';
import { openTracefs } from '../../src/tracefs/tracefs.ts';

const folder = temporaryFolder();
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
/** Nothing of the kernel's tracer is mounted afterwards. */
const UNMOUNT = `awk '$3 == "tracefs" || $3 == "debugfs" { print $2 }' /proc/self/mounts | xargs -r umount -l`;
const PATTERN = 'shop-app:request-start';

let shop: ChildProcess;
before(() => {
  shop = startShop(folder);
});
after(() => {
  kill(shop, 'SIGKILL');
  fs.rmSync(folder, { recursive: true });
});

/** Arguments for unshare(1): prepares mounts, then becomes `usdt`. */
function isolated(preparation: string, ...args: readonly string[]): string[] {
  const script = `set -e; ${preparation}; exec "$@"`;
  return ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, MAIN, ...args];
}

const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache'), NO_COLOR: '1' };

function run(preparation: string, ...args: readonly string[]) {
  return spawnSync('unshare', isolated(preparation, ...args), { encoding: 'utf8', env, timeout: 60_000 });
}

function mounts(): string[] {
  return fs
    .readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => /tracefs|debugfs/.test(line));
}

/** Instances and events of a process in the kernel. */
function tracesOf(pid: number): string[] {
  const { path } = openTracefs();
  const events = fs.readFileSync(`${path}/uprobe_events`, 'utf8').split('\n');
  return [...fs.readdirSync(`${path}/instances`), ...events].filter((name) => name.includes(`usdt_${pid}_`));
}

describe('without a tracefs that can be used, root', {
  skip: withoutRoot() || without('unshare', 'awk', 'xargs'),
}, () => {
  const begun = mounts();
  before(async () => {
    await until(() => usdt(folder, 'list', PATTERN, '-p', String(shop.pid)).status === 0, 'the probe');
  });

  const UNUSABLE = {
    'nothing is mounted': UNMOUNT,
    'an empty folder': `${UNMOUNT}; mount -t tmpfs tmpfs /sys/kernel/tracing`,
    'mounted read-only': `${UNMOUNT}; mount -t tracefs -o ro tracefs /sys/kernel/tracing; mount -o remount,bind,ro /sys/kernel/tracing`,
    'hidden by another': `${UNMOUNT}; mount -t tracefs tracefs /sys/kernel/tracing; mount -t tmpfs tmpfs /sys/kernel`,
  };
  for (const [title, preparation] of Object.entries(UNUSABLE)) {
    test(`traces where ${title}`, () => {
      const { stdout, stderr, status } = run(preparation, 'trace', PATTERN, '--count', '3', '--json');
      assert.equal(status, 0, stderr);
      assert.equal(jsonLines(stdout).length, 3);
    });
  }

  const COMMANDS = {
    list: ['list', PATTERN, '--all'],
    stat: ['stat', PATTERN, '--duration', '1', '--json'],
    record: ['record', PATTERN, '--duration', '1', '-o', join(folder, 'trace.pftrace')],
    doctor: ['doctor'],
  };
  for (const [name, args] of Object.entries(COMMANDS)) {
    test(`usdt ${name} works`, () => {
      const { stdout, stderr, status } = run(UNMOUNT, ...args);
      assert.equal(status, 0, stdout + stderr);
      assert.deepEqual(mounts(), begun);
    });
  }

  test('it is mounted nowhere while usdt runs, and a command that is traced does not get it', () => {
    const script = 'cat /proc/self/mounts; stat -L -f -c "type %T" /proc/self/fd/* || true';
    const { stdout, status } = run(UNMOUNT, 'trace', PATTERN, '--quiet', '-c', script);
    assert.equal(status, 0);
    assert.match(stdout, /^proc /m);
    assert.match(stdout, /^type /m);
    assert.doesNotMatch(stdout, /tracefs/);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    test(`after ${signal} nothing is left${signal === 'SIGKILL' ? ' when the next one has run' : ''}`, async () => {
      const tracer = spawn('unshare', isolated(UNMOUNT, 'trace', PATTERN, '--json'), {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(tracer.stdout!, 'data');
      assert.notDeepEqual(tracesOf(tracer.pid!), [], 'it has an instance and events');
      kill(tracer, signal);
      await once(tracer, 'exit');
      if (signal === 'SIGKILL') assert.equal(run(UNMOUNT, 'trace', PATTERN, '--count', '1').status, 0);
      assert.deepEqual(tracesOf(tracer.pid!), []);
      assert.deepEqual(mounts(), begun);
    });
  }

  test('without native code the message names the mount to make', () => {
    const script = `${UNMOUNT}; NODE_OPTIONS=--no-addons "$@"`;
    const args = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, MAIN];
    const { stderr, status } = spawnSync('unshare', [...args, 'trace', PATTERN], { encoding: 'utf8', env });
    assert.equal(status, 4, stderr);
    assert.match(
      stderr,
      /^usdt: tracefs is not mounted, .*: mount -t tracefs tracefs \/sys\/kernel\/tracing\n$/,
    );
  });

  test('may not mount: the message says so, and what to try', { skip: without('setpriv') }, () => {
    const drop = ['--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
    const script = `${UNMOUNT}; exec setpriv ${drop.join(' ')} "$@"`;
    const args = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, MAIN];
    const { stderr, status } = spawnSync('unshare', [...args, 'trace', PATTERN], { encoding: 'utf8', env });
    assert.equal(status, 4, stderr);
    assert.match(stderr, /^usdt: tracefs is not mounted, and this container may not mount it/);
  });

  test('another user is told the one command to try', { skip: without('setpriv') }, () => {
    // Where such a user can read it, also if the checkout is in a folder of root's.
    const script = `${UNMOUNT}; mount --bind "${ROOT}" /mnt; exec setpriv --reuid=65534 --clear-groups "$@"`;
    const main = `/mnt/${relative(ROOT, MAIN)}`;
    const args = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, main];
    const { stderr, status } = spawnSync('unshare', [...args, 'trace', 'a:*', '--count', '1'], {
      encoding: 'utf8',
      env: { ...env, npm_command: 'exec' },
    });
    assert.equal(status, 4, stderr);
    assert.match(
      stderr,
      /^usdt: tracefs is not mounted[^:]*: (sudo npx|su -c "npx) usdt trace 'a:\*' --count 1"?\n$/,
    );
  });
});

test('the command for root has the arguments as a shell takes them', () => {
  const bin = join(folder, 'bin');
  fs.mkdirSync(bin);
  fs.writeFileSync(join(bin, 'sudo'), '');
  assert.equal(rootCommand(['stat', '-p', '12'], { PATH: '/nowhere:' }), "su -c 'usdt stat -p 12'");
  const args = ['trace', 'webapp:*', '--where', "comm == 'x'"];
  const env = { PATH: bin, npm_command: 'exec' };
  assert.equal(rootCommand(args, env), `sudo npx usdt trace 'webapp:*' --where "comm == 'x'"`);
  const fetched = rootCommand(['doctor'], env, '/home/zoe/.npm/_npx/3c1e/node_modules/.bin/usdt');
  assert.equal(fetched, 'sudo npx -p @libusdt/cli usdt doctor');
  assert.equal(rootCommand(['trace', 'a:*'], { PATH: '' }), `su -c "usdt trace 'a:*'"`);
  for (const word of ["$HOME's", 'a "b" \'c\'', '`x`', 'a\\b', '!!', '', 'Zoë ☃', "it's"]) {
    const command = rootCommand(['trace', word], { PATH: '' });
    const shell = spawnSync('sh', ['-c', `usdt() { printf %s "$2"; }; su() { eval "$2"; }; ${command}`]);
    assert.equal(String(shell.stdout), word, command);
  }
});
