/**
 * Which files a command will map, as far as can be told before it runs, so that their probes are attached in time: the
 * programs that its words name, also behind wrappers (`env X=1 php`, `timeout 5 ./server`, `sh -c '...'`) and in
 * scripts, with their interpreters and the libraries that they are linked with. That is a guess: what did run is known
 * afterwards (tracer.ts).
 */

import * as fs from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { milliseconds } from './monotonic.ts';

/** Most words of scripts are no programs; a look at one takes microseconds, and the loader's answer milliseconds. */
const MOST_WORDS = 2000;
/** In milliseconds. */
const MOST_TIME = 2000;
/** Scripts that start scripts. */
const MOST_DEPTH = 3;
/** Of a script, in bytes. */
const SCRIPT_BYTES = 64 * 1024;
const LOADER_TIMEOUT = 5000;

/** Programs that a command names, with what they need. */
export function filesOfCommand(command: readonly string[]): string[] {
  const files = new Set<string>();
  // Where `cd` may have led: the shell's own first.
  const folders = [''];
  const until = milliseconds() + MOST_TIME;
  let left = MOST_WORDS;
  const look = (words: readonly string[], depth: number): void => {
    for (const word of words) {
      if (left-- <= 0 || milliseconds() > until) return;
      if (isFolder(word)) folders.push(word);
      const file = findProgram(word) ?? fileIn(folders, word);
      if (file === undefined || files.has(file)) continue;
      const script = depth < MOST_DEPTH ? scriptText(file) : undefined;
      if (script !== undefined) look(wordsOf(script), depth + 1);
      if (isExecutable(file)) for (const each of filesOfProgram(file)) files.add(each);
    }
  };
  // The program itself first; then its arguments, which may be text for a shell.
  look(command.slice(0, 1), 0);
  look(
    command.slice(1).flatMap((word) => [word, ...wordsOf(word)]),
    0,
  );
  return [...files];
}

/** A program or script, what runs it, and the libraries that it is linked with. */
export function filesOfProgram(file: string): string[] {
  const interpreter = interpreterOf(file);
  const program = interpreter ?? file;
  return [...new Set([file, program, ...librariesOf(program)])];
}

function wordsOf(text: string): string[] {
  return text.split(/[\s;&|()<>{}"'`=,]+/).filter((word) => word !== '');
}

function findProgram(word: string): string | undefined {
  if (word.includes('/')) return isExecutable(word) ? regularFile(word) : undefined;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const place = join(folder, word);
    if (isExecutable(place)) {
      const file = regularFile(place);
      if (file !== undefined) return file;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Its canonical path. A pipe, which would be read empty, is none. */
function regularFile(path: string): string | undefined {
  try {
    return fs.statSync(path).isFile() ? fs.realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** A path that is not absolute is one in any of the folders. */
function fileIn(folders: readonly string[], path: string): string | undefined {
  for (const folder of path.startsWith('/') ? [''] : folders) {
    const file = regularFile(join(folder, path));
    if (file !== undefined) return file;
  }
  return undefined;
}

function isFolder(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function scriptText(file: string): string | undefined {
  const bytes = firstBytes(file, SCRIPT_BYTES);
  return bytes.includes(0) ? undefined : bytes.toString('latin1');
}

/** The program that runs a script, by its first line. */
function interpreterOf(file: string): string | undefined {
  const head = firstBytes(file, 256).toString('latin1');
  const line = /^#!\s*(\S+)(?:\s+(?:-S\s+)?(\S+))?/.exec(head);
  if (!line) return undefined;
  return findProgram(line[1]!.endsWith('/env') && line[2] ? line[2] : line[1]!);
}

/** The dynamic loader says what a program would be linked with, without running it. */
function librariesOf(file: string): string[] {
  const head = firstBytes(file, 4096);
  if (head.length < 4 || head.readUInt32BE(0) !== 0x7f454c46) return [];
  const loader = /\/[\x21-\x7e]*\/ld[-.][\x21-\x7e]+/.exec(head.toString('latin1'))?.[0];
  if (!loader || !isSystemLoader(loader)) return [];
  try {
    const { execFileSync } = process.getBuiltinModule('node:child_process');
    const text = execFileSync(loader, ['--list', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LOADER_TIMEOUT,
    });
    return Array.from(text.matchAll(/(?:=>\s+|^\s*)(\/\S+)\s+\(0x/gm), (match) => match[1]!);
  } catch {
    return [];
  }
}

/** A file says itself what its loader is, and a command may name files that it would never run: only the system's is. */
function isSystemLoader(path: string): boolean {
  try {
    const real = fs.realpathSync(path);
    const { uid, mode } = fs.statSync(real);
    return /^(ld[-.]|libc\.musl)/.test(basename(real)) && uid === 0 && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}

function firstBytes(file: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  try {
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, 0));
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // Not readable: nothing is known of it.
    return bytes.subarray(0, 0);
  }
}
