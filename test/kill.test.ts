import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

test('to kill a program that could not be started harms nobody else', async () => {
  const fixture = fileURLToPath(new URL('./fixtures/kill-absent.ts', import.meta.url));
  // In a process group of its own: the test runner would be hit too.
  const program = spawn(process.execPath, ['--import', 'tsx', fixture], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed, [code, signal]] = await Promise.all([text(program.stdout), once(program, 'close')]);
  assert.deepEqual([printed, code, signal], ['alive\n', 0, null]);
});

/** Folders with programs that start others. */
const FOLDERS = ['bench', 'examples', 'scripts', 'test', 'packages'];
/** holdCommand() throws if the process was not started: what it returns, and session.ts uses, has one. */
const STARTED = ['packages/cli/src/child.ts', 'packages/cli/src/session.ts'];
/** Where the process id is known, or is looked at on the same line or the one before. */
const SAFE = /^\s*\*|\bprocess\.kill\(|\.pid !== undefined|\.pid === undefined/;

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !['node_modules', 'dist', 'build'].includes(entry.name)) yield* sources(path);
    else if (/\.(ts|mjs|js)$/.test(entry.name)) yield path;
  }
}

test('every program of ours looks whether a child was started before it kills it', () => {
  const places: string[] = [];
  for (const folder of FOLDERS)
    for (const path of sources(join(ROOT, folder))) {
      if (STARTED.includes(relative(ROOT, path))) continue;
      const lines = readFileSync(path, 'utf8').split('\n');
      for (const [index, line] of lines.entries())
        if (/\.kill\(/.test(line) && !SAFE.test(line) && !SAFE.test(lines[index - 1] ?? ''))
          places.push(`${relative(ROOT, path)}:${index + 1}: ${line.trim()}`);
    }
  assert.deepEqual(places, []);
});
