/** Starting programs, and ending them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

interface Killable {
  readonly pid?: number | undefined;
  kill(signal: NodeJS.Signals): unknown;
}

/**
 * As `child.kill()`, but for a child that could not be started it does nothing: until its error is told, Node 20 takes
 * such a child's process id for 0, and the signal would go to the caller's whole process group, npm included.
 */
export function kill(child: Killable, signal: NodeJS.Signals = 'SIGTERM'): void {
  if (child.pid !== undefined) child.kill(signal);
}

/**
 * Ends a tracer as ctrl-C does. Sends SIGINT until the process has ended and all of its output is read: bpftrace 0.17
 * loses a signal that comes at a bad moment.
 */
export async function interrupt(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  const timer = setInterval(() => kill(child, 'SIGINT'), 1000);
  kill(child, 'SIGINT');
  await closed;
  clearInterval(timer);
}

export interface NodeOptions {
  readonly cwd?: URL | undefined;
  /** The program, if it is another Node. */
  readonly runtime?: string | undefined;
}

/** Starts a Node program that ends with this one at the latest. Its images go to `folder`. */
export function startNode(
  folder: string,
  args: readonly string[],
  { cwd, runtime = process.execPath }: NodeOptions = {},
): ChildProcess {
  const child = spawn(runtime, args, {
    cwd,
    env: { ...process.env, LIBUSDT_DIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => kill(child, 'SIGKILL'));
  return child;
}
