/**
 * A command that is run under the tracer: it is started at once but held before its first instruction, so that its
 * process is known and the probes of its files are attached before it begins.
 */

import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { FailureError } from './errors.ts';
import { filesOfCommand } from './program-files.ts';

export interface Child {
  readonly pid: number;
  readonly running: boolean;
  /** Files that the command may map, as far as it can be told before it runs. */
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
  // Loaded when it is needed: it takes two milliseconds.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child: ChildProcess = spawn('/bin/sh', ['-c', GATE, 'usdt', ...command], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  // Told below.
  child.on('error', () => {});
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
