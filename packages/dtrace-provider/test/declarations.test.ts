/** The declarations that the package ships, as programs of either kind see them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const FIXTURES = fileURLToPath(new URL('./fixtures/types/', import.meta.url));
const STRICT = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2022', '--types', ''];

for (const [file, ...options] of [
  ['module.mts', '--module', 'nodenext'],
  ['script.cts', '--module', 'nodenext'],
  ['module.mts', '--module', 'preserve', '--moduleResolution', 'bundler'],
] as const) {
  // Without skipLibCheck: what the package declares must hold without libusdt's own declarations.
  test(`${file} with ${options.join(' ')}`, () => {
    const { status, stdout } = spawnSync(process.execPath, [TSC, ...STRICT, ...options, FIXTURES + file], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    assert.equal(status, 0, stdout);
  });
}
