/**
 * The calls that start a child process, with the time that they take: since Node 24.
 * https://nodejs.org/api/diagnostics_channel.html#child-process
 */

import type { ChildProcess } from 'node:child_process';
import { tracingSource } from '../tracing-source.ts';

interface SpawnMessage {
  readonly process: ChildProcess;
}

/** `child-spawn-start`, `-end` and `-error`, each with the file and the arguments. */
export const spawn = tracingSource('child_process.spawn', {
  probe: 'child-spawn',
  types: ['char *', 'json'],
  args: ({ process: child }: SpawnMessage) => [child.spawnfile, child.spawnargs],
  // Each event has a message of its own.
  operation: ({ process: child }) => child,
});
