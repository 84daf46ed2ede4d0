/** A real arm64 Node under emulation: what programs/arm64.ts saw, and what readelf finds in its file. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folders.ts';
import { without } from '../support/needs.ts';
import { findRuntime, program, runJson } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';

interface Report {
  readonly arch: string;
  readonly file: string;
  readonly values: readonly number[];
  readonly words: readonly number[];
  readonly [key: string]: unknown;
}

/** Where the tracer of one instruction looks for the first twelve arguments; so must all others. */
const OPERANDS = Array.from({ length: 12 }, (_, index) =>
  index < 8 ? `-8@x${index}` : `-8@[sp, ${(index - 8) * 8}]`,
).join(' ');

const runtime = findRuntime('node-arm64');
const skip = typeof runtime === 'string' ? runtime : without('readelf');

test('arm64: engine, lifecycle and fire path', { skip, timeout: PATIENCE }, () => {
  assert.ok(typeof runtime !== 'string');
  const LIBUSDT_DIR = temporaryFolder();
  const report = runJson<Report>(runtime, program('arm64.ts'), { env: { LIBUSDT_DIR } });
  const { arch, file, version, values, words, ...others } = report;
  assert.equal(arch, 'arm64');
  assert.match(String(version), /^v\d/);
  assert.equal(words.length, 32);
  assert.deepEqual(words, values);
  assert.deepEqual(others, {
    ...{ tracepoint: 'nop', before: 'disabled', after: 'disabled' },
    ...{ idle: false, traced: true, ended: false },
    ...{ text: 'grüße, 世界', lazy: 1, wrapped: 301 - 256, fromWorker: 'from a worker' },
    ...{ mappedOnce: true, mappedAfter: false, same: true },
  });

  const { stdout } = spawnSync('readelf', ['-h', '-n', '--wide', file], { encoding: 'utf8' });
  assert.match(stdout, /Machine: +AArch64/);
  const operands = [...stdout.matchAll(/Name: take__n\d+x\n.*\n +Arguments: (.*)/g)].map(([, text]) =>
    text!.trim(),
  );
  assert.deepEqual(operands, Array(32).fill(OPERANDS));
});
