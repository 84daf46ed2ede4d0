/** Each runtime's own UTF-16 and UTF-8, through the engine, against Buffer: in the main thread and in a worker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folders.ts';
import { findRuntime, program, runJson } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';

interface Comparison {
  readonly compared: number;
  readonly wrong: readonly (readonly [given: string, found: string])[];
}

for (const name of [
  ...(['node20', 'node22', 'node24', 'node26'] as const),
  ...(['bun', 'bun-musl', 'deno', 'node-arm64', 'node-i386'] as const),
]) {
  const runtime = findRuntime(name);
  const skip = typeof runtime === 'string' && runtime;
  test(`${name}: strings are what Buffer makes of them`, { skip, timeout: PATIENCE }, () => {
    assert.ok(typeof runtime !== 'string');
    const env = { LIBUSDT_DIR: temporaryFolder() };
    const { main, worker } = runJson<Record<'main' | 'worker', Comparison>>(runtime, program('texts.mjs'), {
      env,
    });
    assert.deepEqual([...main.wrong, ...worker.wrong], []);
    assert.ok(main.compared > 3000 && worker.compared > 3000);
  });
}
