/**
 * Runs a file of ours with the code that V8 compiled of it in an earlier run, which is kept in the folder where the
 * library keeps what it loads: V8 takes what is there as it is. To compile takes half of the time until a command does
 * anything. Node keeps such code itself since version 22, but in the shared /tmp unless it is told where, and less of it:
 * what is compiled later is missing.
 */

import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { chooseFolder } from 'libusdt/cache';

/** Bytes: the code is read faster at a round address. */
const HEADER = 256;
/** Each run compiles what no run before it used: so many of them add to what is kept. */
const RUNS = 5;

/**
 * @param file CommonJS, in ASCII but for comments, and without `import()`.
 * @param require for it.
 */
export function runCompiled(file: string, require: NodeJS.Require): void {
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${fs.readFileSync(file, 'latin1')}\n})`;
  const kept = openKept(file);
  const script = new Script(wrapped, {
    filename: file,
    cachedData: kept?.code,
  });
  // Of another version of V8, or with other options: rejected, and compiled anew.
  const runs = kept?.code === undefined || script.cachedDataRejected ? 0 : kept.runs;
  if (kept !== undefined && runs < RUNS)
    process.on('exit', () => kept.keep(runs + 1, script.createCachedData()));
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, file, dirname(file));
}

interface Kept {
  /** Undefined if there is none of this file. */
  readonly code: Buffer | undefined;
  /** How many runs made it. */
  readonly runs: number;
  keep(runs: number, code: Buffer): void;
}

/** Undefined where nothing can be kept. Nothing here ever fails: then the command takes a few milliseconds more. */
function openKept(file: string): Kept | undefined {
  // As for what Node itself keeps: https://nodejs.org/api/cli.html#node_disable_compile_cache1
  if (process.env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  // Bun has another engine, whatever version of Node it says it is.
  if (process.versions.bun) return undefined;
  const folder = chooseFolder(process.env);
  if (!('reason' in folder)) {
    try {
      const path = join(folder.path, `usdt-${basename(file, '.cjs')}.v8`);
      const identity = identityOf(file);
      return { ...read(path, identity), keep: (runs, code) => write(path, identity, runs, code) };
    } catch {
      // As if there were no folder.
    }
  }
  return undefined;
}

/** V8 asks only whether the source has the same length. A file that was written anew has another time of its last change. */
function identityOf(file: string): string {
  const { dev, ino, size, ctimeNs } = fs.statSync(file, { bigint: true });
  return [process.version, process.arch, dev, ino, size, ctimeNs].join(' ');
}

const { O_RDONLY, O_NOFOLLOW } = fs.constants;

function read(path: string, identity: string): Pick<Kept, 'code' | 'runs'> {
  const nothing = { code: undefined, runs: 0 };
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch {
    return nothing;
  }
  try {
    // Nobody else can put a file into the folder; this one could still have been given away.
    const { uid, mode, size } = fs.fstatSync(fd);
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0 || size <= HEADER) return nothing;
    const bytes = Buffer.allocUnsafeSlow(size);
    if (fs.readSync(fd, bytes, 0, size, 0) !== size) return nothing;
    const [is, runs] = bytes.toString('latin1', 0, HEADER).trimEnd().split(', run ');
    return is === identity ? { code: bytes.subarray(HEADER), runs: Number(runs) } : nothing;
  } finally {
    fs.closeSync(fd);
  }
}

/** Whole or not at all, also if the power fails: V8 would crash on code with a hole. */
function write(path: string, identity: string, runs: number, code: Buffer): void {
  const temporary = `${path}.${process.pid}`;
  try {
    const fd = fs.openSync(temporary, 'wx', 0o600);
    try {
      fs.writeFileSync(fd, `${identity}, run ${runs}`.padEnd(HEADER), 'latin1');
      fs.writeFileSync(fd, code);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, path);
  } catch {
    fs.rmSync(temporary, { force: true });
  }
}
