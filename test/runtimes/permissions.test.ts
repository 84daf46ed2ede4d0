/**
 * Runtimes that were told to forbid things: the program goes on, and the status says what to grant. With exactly what
 * it says, the probes are there.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../support/folders.ts';
import { findRuntime, program, type Runtime, runJson } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';
import { assertActive, assertUnavailable, type Report } from './reports.ts';

function report(runtime: Runtime, folder: string, ...flags: readonly string[]): Report {
  return runJson<Report>(runtime, program('status.mjs'), { flags, env: { LIBUSDT_DIR: folder } });
}

for (const name of ['node20', 'node26'] as const) {
  const runtime = findRuntime(name);
  const skip = typeof runtime === 'string' && runtime;
  if (typeof runtime === 'string') {
    test(name, { skip });
    continue;
  }
  // https://nodejs.org/api/permissions.html: without "experimental" since 23.5.
  const permission = [name === 'node20' ? '--experimental-permission' : '--permission', '--allow-fs-read=*'];

  describe(name, { timeout: PATIENCE }, () => {
    test('--permission without the right to write', () => {
      const folder = temporaryFolder();
      const result = report(runtime, folder, ...permission);
      assertUnavailable(result, 'folder-not-writable');
      assert.ok(result.status.detail!.includes(`--allow-fs-write=${folder}/* --allow-addons`));
      assert.deepEqual(readdirSync(folder), []);
    });

    test('--permission without --allow-addons', () => {
      const folder = temporaryFolder();
      const result = report(runtime, folder, ...permission, `--allow-fs-write=${folder}/*`);
      assertUnavailable(result, 'addons-forbidden');
      assert.match(result.status.detail!, /--allow-addons/);
    });

    test('--permission with the right to write elsewhere', () => {
      const folder = temporaryFolder();
      const flags = [...permission, `--allow-fs-write=${folder}/elsewhere/*`, '--allow-addons'];
      assertUnavailable(report(runtime, folder, ...flags), 'folder-not-writable');
    });

    test('--permission with what the status asks for', () => {
      const folder = temporaryFolder();
      const { status } = report(runtime, folder, ...permission);
      const flags = /run with (\S+) (\S+) (\S+?)(;|$)/.exec(status.detail!)!.slice(1, 4);
      assertActive(report(runtime, folder, ...permission.slice(0, 1), ...flags), folder);
    });

    test('--no-addons', () => {
      const result = report(runtime, temporaryFolder(), '--no-addons');
      assertUnavailable(result, 'addons-forbidden');
      assert.match(result.status.detail!, /--no-addons/);
    });

    for (const flag of [
      '--disallow-code-generation-from-strings',
      '--frozen-intrinsics',
      '--disable-proto=throw',
    ]) {
      test(`${flag}: all works`, () => {
        const folder = temporaryFolder();
        assertActive(report(runtime, folder, flag), folder);
      });
    }
  });
}

const deno = findRuntime('deno');
if (typeof deno === 'string') test('deno', { skip: deno });
else {
  const [command] = deno.command;
  const bare = { command: [command, 'run', '--quiet', '--no-prompt'] } as const;

  describe('deno', { timeout: PATIENCE }, () => {
    test('without any permission', () => {
      const folder = temporaryFolder();
      const result = report(bare, folder);
      assertUnavailable(result, 'folder-not-usable');
      assert.match(result.status.detail!, /--allow-ffi --allow-read --allow-write --allow-env --allow-sys/);
      assert.deepEqual(readdirSync(folder), []);
    });

    test('without --allow-write', () => {
      assertUnavailable(
        report(bare, temporaryFolder(), '--allow-read', '--allow-env', '--allow-ffi', '--allow-sys'),
        'folder-not-writable',
      );
    });

    test('without --allow-ffi', () => {
      const flags = ['--allow-read', '--allow-write', '--allow-env', '--allow-sys'];
      const result = report(bare, temporaryFolder(), ...flags);
      assertUnavailable(result, 'addons-forbidden');
      assert.match(result.status.detail!, /--allow-ffi/);
    });

    test('without --allow-sys the owner of a folder is not known: in memory', () => {
      const folder = temporaryFolder();
      const flags = ['--allow-read', '--allow-write', '--allow-env', '--allow-ffi'];
      const { status, after } = report(bare, folder, ...flags);
      assert.equal(status.state, 'active', JSON.stringify(status));
      assert.equal(status.storage, 'memory');
      assert.match(status.detail!, /--allow-sys/);
      assert.equal(status.tracepoint, 'nop', 'the one that works on every kernel');
      assert.equal(after, 'disabled');
    });
  });
}

test('a platform that libusdt does not know: nothing happens, and no file is made', () => {
  const folder = join(temporaryFolder(), 'none');
  const node = { command: [process.execPath, '--import', program('win32.mjs')] } as const;
  const result = report(node, folder);
  assertUnavailable(result, 'platform-not-supported');
  assert.match(result.status.detail!, /win32/);
  assert.ok(!existsSync(folder));
});
