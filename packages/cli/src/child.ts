/**
 * A command that is run under the tracer: it is started at once but held before its first instruction, so that its
 * process is known and the probes of its files are attached before it begins.
 * @module
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Writable } from 'node:stream';
import { FailureError } from './errors.ts';

export interface Child {
  readonly pid: number;
  readonly running: boolean;
  /** Files that the command will map, as far as it can be told before it runs. */
  readonly files: readonly string[];
  /** Resolves with its exit code, or 128 + the number of the signal that ended it. */
  readonly ended: Promise<number>;
  /** Lets it begin. */
  release(): void;
  /** Ends it before it has begun. */
  abandon(): void;
  kill(signal: NodeJS.Signals): void;
}

/** The shell waits for a line in its third file, and becomes the command; not if that ends because this process did. */
const GATE = 'read -r _ <&3 || exit 125; exec 3<&-; exec "$@"';

/** @throws FailureError when no shell can be started. */
export function holdCommand(command: readonly string[]): Child {
  let running = true;
  const child: ChildProcess = spawn('/bin/sh', ['-c', GATE, 'usdt', ...command], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  if (child.pid === undefined) throw new FailureError("/bin/sh can't be started to run the command");
  const gate = child.stdio[3] as Writable;
  gate.on('error', () => {});
  const ended = new Promise<number>((resolve) => {
    child.on('exit', (code, signal) => {
      running = false;
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
  return {
    pid: child.pid,
    get running() {
      return running;
    },
    files: filesOfCommand(command),
    ended,
    release: () => gate.end('\n'),
    abandon: () => child.kill('SIGKILL'),
    kill: (signal) => child.kill(signal),
  };
}

/** Programs that a command names, with the libraries that they are linked with. */
export function filesOfCommand(command: readonly string[]): string[] {
  const shell = command[0] === '/bin/sh' && command[1] === '-c';
  const words = shell ? (command[2] ?? '').split(/[\s;&|()]+/) : command.slice(0, 1);
  const files = new Set<string>();
  for (const word of words) {
    const program = findProgram(word.replace(/^["']|["']$/g, ''));
    if (!program) continue;
    files.add(program);
    for (const file of [...interpreterOf(program), ...librariesOf(program)]) files.add(file);
  }
  return [...files];
}

function findProgram(word: string): string | undefined {
  if (word === '') return undefined;
  const places = word.includes('/')
    ? [word]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, word));
  for (const place of places) {
    try {
      fs.accessSync(place, fs.constants.X_OK);
      if (fs.statSync(place).isFile()) return fs.realpathSync(place);
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** The program that runs a script, by its first line. */
function interpreterOf(file: string): string[] {
  const head = firstBytes(file, 256).toString('latin1');
  const line = /^#!\s*(\S+)(?:\s+(?:-S\s+)?(\S+))?/.exec(head);
  if (!line) return [];
  const name = line[1]!.endsWith('/env') && line[2] ? line[2] : line[1]!;
  const program = findProgram(name);
  return program ? [program, ...librariesOf(program)] : [];
}

/** The dynamic loader says what a program would be linked with, without running it. */
function librariesOf(file: string): string[] {
  const head = firstBytes(file, 4096);
  if (head.readUInt32BE(0) !== 0x7f454c46) return [];
  const loader = /\/[\x21-\x7e]*\/ld[-.][\x21-\x7e]+/.exec(head.toString('latin1'))?.[0];
  if (!loader) return [];
  try {
    const text = execFileSync(loader, ['--list', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 5000,
    });
    return Array.from(text.matchAll(/(?:=>\s+|^\s*)(\/\S+)\s+\(0x/gm), (match) => match[1]!);
  } catch {
    return [];
  }
}

function firstBytes(file: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  try {
    const fd = fs.openSync(file, 'r');
    try {
      fs.readSync(fd, bytes, 0, length, 0);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // Not readable: nothing is known of it.
  }
  return bytes;
}
