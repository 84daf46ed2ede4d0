/** `usdt doctor` where all is well, and where something is missing. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import {
  jsonLines,
  MAIN,
  tracesOf,
  usdt,
  withoutCommand,
  withoutTracing,
} from '../../../../test/support/usdt.ts';
import { checkKernel, checkLockdown, checkTexts } from '../../src/doctor/kernel.ts';
import { checkNamespace, checkPermissions } from '../../src/doctor/permissions.ts';
import { checkCache, checkLibrary, checkRuntime } from '../../src/doctor/runtime.ts';

const folder = temporaryFolder();
const skip = withoutTracing();

const CHECKS = [
  'kernel',
  'lockdown',
  'permissions',
  'namespace',
  'tracefs',
  'texts',
  'tracers',
  'runtime',
  'library',
  'cache',
  'selftest',
];

function states(text: string): Record<string, unknown> {
  return Object.fromEntries(jsonLines(text).map(({ check, state }) => [String(check), state]));
}

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

test('a look for tracers leaves nothing behind, and starts none of the working folder', {
  skip: withoutCommand() || without('sh'),
}, () => {
  const [home, work] = ['home', 'work'].map((name) => fs.mkdtempSync(join(folder, name)));
  fs.writeFileSync(join(work!, 'bpftrace'), '#!/bin/sh\ntouch started\n', { mode: 0o755 });
  for (const PATH of [process.env.PATH, '']) {
    const env = { ...process.env, PATH, HOME: home, LIBUSDT_DIR: join(folder, 'cache') };
    spawnSync(process.execPath, [MAIN, 'doctor'], { cwd: work, env });
    assert.deepEqual(fs.readdirSync(home!), []);
    assert.deepEqual(fs.readdirSync(work!), ['bpftrace']);
  }
});

/** Runs it by a shell, after a preparation that only this process sees. */
function prepared(preparation: string, cache = join(folder, 'cache')) {
  return spawnSync(
    'unshare',
    ['-m', 'sh', '-c', `${preparation}; exec "${process.execPath}" "${MAIN}" doctor --json`],
    {
      encoding: 'utf8',
      env: { ...process.env, LIBUSDT_DIR: cache },
    },
  );
}

describe('usdt doctor', { skip }, () => {
  test('all is well here: every check is made, and the self-test sees its events', () => {
    const { stdout, stderr, status, pid } = usdt(folder, 'doctor', '--json');
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(Object.keys(states(stdout)), CHECKS);
    const findings = jsonLines(stdout);
    assert.deepEqual(
      findings.filter(({ state }) => state === 'fail'),
      [],
    );
    const selftest = findings.at(-1)!;
    assert.equal(selftest.state, 'ok');
    assert.match(String(selftest.message), /^3 events of usdt-doctor:ping arrived with their arguments/);
    assert.deepEqual(tracesOf(pid), []);
    assert.deepEqual(
      // Kept code of the command stays.
      fs.readdirSync(join(folder, 'cache')).filter((name) => /doctor.*(?<!\.v8)$/.test(name)),
      [],
    );
  });

  test('for people: a line for each check', () => {
    const { stdout } = usdt(folder, 'doctor');
    assert.match(stdout, /^ok {4}kernel {7}Linux /);
    assert.match(stdout, /^ok {4}selftest {5}3 events/m);
    assert.match(
      stdout,
      new RegExp(`^ok {4}cache {8}images are published in ${join(folder, 'cache')}$`, 'm'),
    );
  });

  test('the versions of tracers are those that they tell', { skip: without('bpftrace') }, () => {
    const version = /\d+(\.\d+)+/.exec(execFileSync('bpftrace', ['--version'], { encoding: 'utf8' }))![0];
    const tracers = jsonLines(usdt(folder, 'doctor', '--json').stdout).find(
      ({ check }) => check === 'tracers',
    )!;
    assert.ok(String(tracers.message).includes(`bpftrace ${version}`), String(tracers.message));
  });

  test('without tracefs it makes one of its own', { skip: without('unshare') }, () => {
    const { stdout, status } = prepared(
      'mount --make-rprivate / && umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug 2>/dev/null',
    );
    assert.equal(status, 0, stdout);
    const { message } = jsonLines(stdout).find(({ check }) => check === 'tracefs')!;
    assert.match(String(message), /^tracefs is not mounted: usdt makes one of its own/);
    assert.equal(states(stdout).selftest, 'ok');
  });

  test('with a cache folder that nothing can be loaded from', { skip: without('unshare') }, () => {
    const cache = join(folder, 'noexec');
    fs.mkdirSync(cache);
    const { stdout, status } = prepared(`mount -t tmpfs -o noexec,mode=700 tmpfs ${cache}`, cache);
    assert.equal(status, 0, stdout);
    const found = jsonLines(stdout).find(({ check }) => check === 'cache')!;
    assert.equal(found.state, 'warn');
    assert.match(String(found.message), /^images are in memory, .*noexec/);
    assert.match(String(found.fix), /^export LIBUSDT_DIR=/);
    assert.equal(states(stdout).selftest, 'ok', 'traced in memory');
  });

  test('for a user who may not trace', { skip: without('setpriv', 'unshare') }, () => {
    // Where such a user can read it, also if the checkout is in a folder of root's.
    const seen = `mount --make-rprivate / && mount --bind "${ROOT}" /mnt`;
    const command = `setpriv --reuid=65534 --clear-groups "${process.execPath}" "/mnt/${relative(ROOT, MAIN)}" doctor --json`;
    const { stdout, stderr, status } = spawnSync('unshare', ['-m', 'sh', '-c', `${seen} && ${command}`], {
      encoding: 'utf8',
    });
    assert.equal(status, 4, stdout + stderr);
    const { permissions, tracefs, selftest } = states(stdout);
    assert.deepEqual([permissions, tracefs, selftest], ['warn', 'fail', 'warn']);
    for (const { check, fix } of jsonLines(stdout))
      if (check === 'permissions' || check === 'tracefs')
        assert.match(String(fix), /^(sudo usdt doctor --json|su -c 'usdt doctor --json')$/);
  });
});

describe('what can not be had on this machine', () => {
  test('other systems and old kernels', () => {
    assert.equal(checkKernel('darwin', 'arm64', '24.1.0').state, 'fail');
    assert.equal(checkKernel('linux', 'x64', '4.19.0-27-amd64').state, 'warn');
    assert.equal(checkKernel('linux', 'x64', '4.20.0').state, 'ok');
    assert.equal(checkKernel('linux', 'x64', '6.1.0-18-amd64').state, 'ok');
  });

  test('lockdown', () => {
    assert.equal(checkLockdown('none integrity [confidentiality]\n').state, 'fail');
    assert.equal(checkLockdown('none [integrity] confidentiality\n').state, 'ok');
    assert.equal(checkLockdown('[none] integrity confidentiality\n').state, 'ok');
  });

  test('containers', () => {
    assert.equal(checkNamespace('4026531836').state, 'ok');
    assert.equal(checkNamespace('4026532701').fix, 'start the container with --pid=host');
    // What docker gives to root by default.
    const docker = checkPermissions(0, 'CapEff:\t00000000a80425fb\n');
    assert.equal(docker.fix, 'start the container with --cap-add=SYS_PTRACE --cap-add=SYS_ADMIN');
    assert.equal(checkPermissions(0, 'CapEff:\t000001ffffffffff\n').state, 'ok');
  });

  test('texts that are too long: what they do to this kernel', () => {
    assert.equal(checkTexts('6.12.0', '0\n').state, 'ok');
    assert.equal(checkTexts('7.1.0', undefined).state, 'ok');
    for (const old of ['6.11.9', '5.15.0-generic', '4.20']) {
      const { state, message } = checkTexts(old, '0\n');
      assert.equal(state, 'warn', old);
      assert.match(message, /before 6\.12.*CVE-2024-50067/);
    }
    const { state, fix } = checkTexts('6.18.0', '1\n');
    assert.deepEqual([state, fix], ['warn', 'sysctl kernel.panic_on_warn=0']);
  });

  test('runtimes and the library', () => {
    assert.equal(checkRuntime('18.20.4', 'linux', 'x64').state, 'fail');
    assert.equal(checkRuntime('20.18.0', 'linux', 'x64').state, 'fail');
    assert.equal(checkRuntime('20.19.0', 'linux', 'x64').state, 'ok');
    assert.equal(checkRuntime('26.0.0', 'linux', 'arm64').state, 'ok');
    const status = {
      state: 'unavailable',
      reason: 'addons-forbidden',
      detail: 'add it',
      failures: 0,
    } as const;
    assert.deepEqual(checkLibrary(status), {
      check: 'library',
      state: 'fail',
      message: 'add it',
      fix: 'NODE_OPTIONS=--allow-addons usdt doctor',
    });
    assert.equal(checkCache(status, ['/a', '/b']).state, 'warn');
  });
});
