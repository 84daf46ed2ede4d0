/** Ending a tracer as ctrl-C does. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { kill } from './kill.ts';

/**
 * Sends SIGINT until the process has ended and all of its output is read: bpftrace 0.17 loses a signal that comes at a
 * bad moment.
 */
export async function interrupt(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  const timer = setInterval(() => kill(child, 'SIGINT'), 1000);
  kill(child, 'SIGINT');
  await closed;
  clearInterval(timer);
}
