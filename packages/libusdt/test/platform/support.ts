/**
 * What the tests of this folder share: temporary folders, other users, file systems, failures on demand.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { absent } from '../../../../test/support/needs.ts';
import { type Folder, openFolder } from '../../src/publish/folder.ts';
import { isProblem, type Problem } from '../../src/runtime/reasons.ts';

export const NAME = 'libusdt-web-0123456789abcdef.so';
export const BYTES = Uint8Array.from({ length: 10_000 }, (_, index) => (index * 7) & 255);
/** Nobody, and certainly not who runs the tests. */
export const STRANGER = 65534;

/** What is to be unmounted before a temporary folder can be removed. Tests of one file run one after another. */
const mounted: string[] = [];

/** A folder of ours with mode 0700, removed after the test. Canonical. */
export function temporaryFolder(t: TestContext): string {
  const path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'libusdt-test-')));
  t.after(() => {
    for (const at of mounted.splice(0)) execFileSync('umount', ['-l', at]);
    fs.rmSync(path, { recursive: true, force: true });
  });
  return path;
}

export function opened(path: string): Folder {
  const folder = openFolder(path);
  assert.ok(!isProblem(folder), isProblem(folder) ? folder.detail : '');
  return folder;
}

export function problem(value: object): Problem {
  assert.ok(isProblem(value), `a problem was expected, not ${JSON.stringify(value)}`);
  return value;
}

export function good<T extends object>(value: T | Problem): T {
  assert.ok(!isProblem(value), isProblem(value) ? `${value.reason}: ${value.detail}` : '');
  return value;
}

/** Skips, or fails where everything must be there. */
export function lacking(t: TestContext, what: string): void {
  t.skip(absent(what));
}

export function isRoot(t: TestContext): boolean {
  if (process.geteuid?.() === 0) return true;
  lacking(t, 'root');
  return false;
}

/** Runs a function with another effective user. Needs root. */
export function asUser<T>(user: number, run: () => T): T {
  process.seteuid?.(user);
  try {
    return run();
  } finally {
    process.seteuid?.(0);
  }
}

/** Mounts a tmpfs on or below a temporaryFolder(), until the test is over. False if that can't be done here. */
export function mountTmpfs(t: TestContext, path: string, options: string): boolean {
  if (!isRoot(t)) return false;
  const result = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { encoding: 'utf8' });
  if (result.status !== 0) {
    lacking(t, `the right to mount a tmpfs (${result.stderr.trim()})`);
    return false;
  }
  mounted.push(path);
  return true;
}

/** Replaces functions of node:fs while `run` runs. */
export function withPatchedFs<T>(patch: Partial<typeof fs>, run: () => T): T {
  const original = Object.fromEntries(Object.keys(patch).map((key) => [key, fs[key as keyof typeof fs]]));
  Object.assign(fs, patch);
  syncBuiltinESMExports();
  try {
    return run();
  } finally {
    Object.assign(fs, original);
    syncBuiltinESMExports();
  }
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made by the test`), { code });
}

/** Permission bits and, where it matters, the special ones. */
export function modeOf(path: string): number {
  return fs.lstatSync(path).mode & 0o7777;
}

export function age(path: string, days: number): void {
  const then = Date.now() / 1000 - days * 86_400;
  fs.lutimesSync(path, then, then);
}
