/** How the command starts: its file for each command, and the compiled code that is kept of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { MAIN, withoutCommand } from '../../../../test/support/usdt.ts';

const skip = withoutCommand();
const folder = temporaryFolder();

function start(cache: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, main = MAIN) {
  const options = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '', LIBUSDT_DIR: cache, ...env };
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env: options });
}

/** A folder of a mode, and the file in it that `usdt list` keeps. */
function makeCache(mode = 0o700): { readonly cache: string; readonly kept: string } {
  const cache = fs.mkdtempSync(join(folder, 'cache-'));
  fs.chmodSync(cache, mode);
  return { cache, kept: join(cache, 'usdt-list.v8') };
}

/** Without any process to look at. */
const HELP = ['list', '--help'];

test('every module in commands/ has a file that the command line starts', { skip }, () => {
  const { cache } = makeCache();
  const { stdout } = start(cache, ['--help']);
  for (const file of fs.readdirSync(new URL('../../src/commands', import.meta.url))) {
    const name = file.replace('.ts', '');
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    const { status, stdout: help } = start(cache, [name, '--help']);
    assert.equal(status, 0);
    assert.match(help, /Examples:/, name);
    assert.equal(start(cache, ['help', name]).stdout, help);
  }
});

test('a command loads its own sink alone, and those that do not trace none', { skip }, () => {
  const sinksOf = (command: string) => {
    const code = fs.readFileSync(new URL(`../../dist/${command}.cjs`, import.meta.url), 'utf8');
    return [
      ...new Set(Array.from(code.matchAll(/^\/\/ packages\/cli\/src\/sinks\/(\w+)\//gm), ([, name]) => name)),
    ];
  };
  assert.deepEqual(sinksOf('trace'), ['lines']);
  assert.deepEqual(sinksOf('stat'), ['stat']);
  assert.deepEqual(sinksOf('record'), ['perfetto']);
  assert.deepEqual(sinksOf('export'), ['prometheus']);
  for (const command of ['list', 'script', 'build', 'doctor'])
    assert.deepEqual(sinksOf(command), [], command);
});

test('what is no command is told, also if there is such a file', { skip }, () => {
  const { cache } = makeCache();
  for (const name of ['nonsense', 'main', 'usdt-start', '../main', 'guarded-child', '__proto__', ''])
    assert.match(start(cache, [name]).stderr, /unknown command/, name);
  assert.equal(start(cache, []).status, 2);
});

test('compiled code is kept for this user alone, and used', { skip }, () => {
  const { cache, kept } = makeCache();
  const first = start(cache, HELP);
  assert.equal(first.status, 0);
  assert.deepEqual(fs.readdirSync(cache), ['usdt-list.v8']);
  assert.equal(fs.statSync(kept).mode & 0o777, 0o600);
  // After some runs it stays as it is, so it was taken.
  for (let run = 0; run < 6; run++) assert.equal(start(cache, HELP).stdout, first.stdout);
  const { mtimeMs } = fs.statSync(kept);
  assert.equal(start(cache, HELP).stdout, first.stdout);
  assert.equal(fs.statSync(kept).mtimeMs, mtimeMs);
});

test('nothing is kept or taken where others could have put it', { skip }, () => {
  const { cache, kept } = makeCache();
  start(cache, HELP);
  const code = fs.readFileSync(kept);
  for (const mode of [0o777, 0o755, 0o750]) {
    const open = makeCache(mode);
    assert.equal(start(open.cache, HELP).status, 0);
    assert.deepEqual(fs.readdirSync(open.cache), []);
  }
  // A link, or a file that others can read or write, is replaced, not taken.
  fs.renameSync(kept, join(folder, 'elsewhere'));
  fs.symlinkSync(join(folder, 'elsewhere'), kept);
  assert.equal(start(cache, HELP).status, 0);
  assert.ok(fs.lstatSync(kept).isFile());
  assert.deepEqual(fs.readFileSync(join(folder, 'elsewhere')), code);
  fs.chmodSync(kept, 0o660);
  assert.equal(start(cache, HELP).status, 0);
  assert.equal(fs.statSync(kept).mode & 0o777, 0o600);
});

test('damaged code, code of another file and a folder that takes none do no harm', { skip }, () => {
  const { cache, kept } = makeCache();
  const { stdout } = start(cache, HELP);
  const whole = fs.readFileSync(kept);
  for (const damaged of [
    Buffer.alloc(0),
    whole.subarray(0, 100),
    whole.subarray(0, 5000),
    Buffer.concat([whole.subarray(0, 256), Buffer.alloc(5000, 0xff)]),
    Buffer.concat([Buffer.from('another file, run 1'.padEnd(256)), whole.subarray(256)]),
  ]) {
    fs.writeFileSync(kept, damaged);
    const again = start(cache, HELP);
    assert.equal(again.stdout + again.stderr, stdout);
    assert.ok(fs.readFileSync(kept).length > 10_000, 'made anew');
  }
  const nowhere = start('/proc/nothing', HELP);
  assert.equal(nowhere.stdout + nowhere.stderr, stdout);
  const off = makeCache();
  assert.equal(start(off.cache, HELP, { NODE_DISABLE_COMPILE_CACHE: '1' }).stdout, stdout);
  assert.deepEqual(fs.readdirSync(off.cache), []);
});

test('a file that was written anew is compiled anew, even with the same length and time', { skip }, () => {
  const { cache } = makeCache();
  const copy = join(folder, 'copy');
  const built = fileURLToPath(new URL('../../', import.meta.url));
  for (const part of ['bin', 'dist']) fs.cpSync(join(built, part), join(copy, part), { recursive: true });
  const main = join(copy, 'bin/usdt.js');
  const file = join(copy, 'dist/list.cjs');
  const before = start(cache, HELP, {}, main).stdout;
  assert.match(before, /Examples:/);
  const { atime, mtime } = fs.statSync(file);
  fs.writeFileSync(file, fs.readFileSync(file, 'latin1').replaceAll('Examples:', 'Specimen:'), 'latin1');
  fs.utimesSync(file, atime, mtime);
  assert.equal(start(cache, HELP, {}, main).stdout, before.replaceAll('Examples:', 'Specimen:'));
});
