/** The check that users run on their machines, on this one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { without, withoutRoot } from '../support/needs.ts';

const program = fileURLToPath(new URL('../../packages/libusdt/bin/libusdt-selftest.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'libusdt-selftest-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function selftest(env: Record<string, string>): { status: number | null; stdout: string } {
  return spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 240_000,
  });
}

test('the self-test passes, with a real tracer', {
  skip: withoutRoot() || without('bpftrace'),
}, () => {
  const { status, stdout } = selftest({ LIBUSDT_DIR: join(folder, 'cache') });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^libusdt \d+\.\d+\.\d+ on Linux \S+ \S+, Node\.js \d+/);
  for (const line of [
    'the provider is visible to tracers',
    'bpftrace attaches, and the probe notices',
    'bpftrace reads the arguments',
    'bpftrace ends, and the probe notices',
    'enabled again',
  ]) {
    assert.ok(stdout.includes(`ok     ${line}\n`), `${line} in ${stdout}`);
  }
  assert.match(stdout, /all is well\n$/);
});

test('it fails, and says why, where nothing can be traced', () => {
  const { status, stdout } = selftest({ NODE_OPTIONS: '--no-addons' });
  assert.equal(status, 1);
  assert.match(stdout, /^FAILED the provider is visible to tracers: .*--no-addons/m);
});
