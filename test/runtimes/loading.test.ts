/** The ways in which one process comes to have the library several times, or in several threads. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { temporaryFolder } from '../support/folders.ts';
import { findRuntime, program, type Runtime, runJson } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';
import type { ReportedStatus } from './reports.ts';

interface ResetReport {
  readonly statuses: readonly (readonly [ReportedStatus, ReportedStatus])[];
  readonly different: number;
  readonly mappedByOthers: boolean;
  readonly mappedInTheEnd: boolean;
}

const library = fileURLToPath(import.meta.resolve('libusdt'));

function assertAllActive(
  { statuses, different, mappedByOthers, mappedInTheEnd }: ResetReport,
  copies: number,
) {
  assert.equal(statuses.length, copies);
  assert.equal(different, copies, 'they really are different modules');
  for (const status of statuses.flat()) {
    assert.equal(status.state, 'active', JSON.stringify(status));
    assert.equal(status.storage, 'file');
  }
  assert.equal(new Set(statuses.map(([web]) => web.file)).size, 1, 'the same definition is the same file');
  assert.ok(mappedByOthers, 'what one copy frees stays for the others');
  assert.ok(!mappedInTheEnd);
}

for (const name of ['node20', 'node26', 'bun', 'deno', 'node-i386'] as const) {
  const found = findRuntime(name);
  if (typeof found === 'string') {
    test(name, { skip: found });
    continue;
  }
  // The programs read /proc/self/maps, which Deno counts among the keys to everything.
  const runtime: Runtime =
    name === 'deno' ? { command: [found.command[0], 'run', '--quiet', '--allow-all'] } : found;
  const env = (): { LIBUSDT_DIR: string } => ({ LIBUSDT_DIR: temporaryFolder() });

  describe(name, { timeout: PATIENCE }, () => {
    test('two versions in one process', () => {
      const other = join(temporaryFolder(), 'node_modules', 'libusdt');
      cpSync(dirname(dirname(library)), other, {
        recursive: true,
        filter: (source) => !/\/(src|test)$/.test(source),
      });
      const manifest = join(other, 'package.json');
      writeFileSync(
        manifest,
        readFileSync(manifest, 'utf8').replace(/"version": ".*?"/, '"version": "0.0.1"'),
      );
      const args = [library, join(other, 'dist', 'index.js')];
      assertAllActive(runJson<ResetReport>(runtime, program('reset.mjs'), { env: env(), args }), 2);
    });

    test('evaluated again and again, as test runners do', async () => {
      const file = await bundled('esm');
      const args = Array.from({ length: 5 }, (_, index) => `${file}?reset=${index}`);
      assertAllActive(runJson<ResetReport>(runtime, program('reset.mjs'), { env: env(), args }), 5);
    });

    test('require() from CommonJS', () => {
      const report = runJson<{ status: ReportedStatus; code: string; same: boolean }>(
        runtime,
        program('required.cjs'),
        { env: env() },
      );
      assert.equal(report.status.state, 'active', JSON.stringify(report.status));
      assert.equal(report.code, 'USDT_BAD_NAME');
      assert.equal(report.same, true, 'require and import give the same module');
    });

    test('worker threads come and go', () => {
      const report = runJson<{ files: string[]; states: string[]; after: string }>(
        runtime,
        program('workers.mjs'),
        { env: env() },
      );
      assert.equal(report.files.length, 1);
      assert.deepEqual(report.states, Array(12).fill('active'));
      assert.equal(report.after, 'active');
    });
  });
}

for (const name of ['node20', 'node26'] as const) {
  const runtime = findRuntime(name);
  const skip = typeof runtime === 'string' && runtime;
  test(`${name}: evaluated in contexts with global objects of their own`, { skip }, async () => {
    assert.ok(typeof runtime !== 'string');
    const args = [await bundled('cjs')];
    const env = { LIBUSDT_DIR: temporaryFolder() };
    const statuses = runJson<ReportedStatus[]>(runtime, program('realm.mjs'), { env, args });
    assert.deepEqual(
      statuses.map(({ state, storage }) => [state, storage]),
      [
        ['active', 'file'],
        ['active', 'memory'],
        ['active', 'file'],
      ],
      JSON.stringify(statuses),
    );
  });
}

/** The library as one file, as bundlers make it. */
async function bundled(format: 'cjs' | 'esm'): Promise<string> {
  const outfile = join(temporaryFolder(), format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs');
  await build({
    // By the package's name: bundlers have a file of their own in it.
    entryPoints: ['libusdt'],
    bundle: true,
    platform: 'node',
    format,
    outfile,
    logLevel: 'silent',
  });
  return outfile;
}
