/**
 * The calls that start a child process, with the time that they take: since Node 24.
 * https://nodejs.org/api/diagnostics_channel.html#child-process
 * @module
 */

import type { ChildProcess } from 'node:child_process';
import type { Provider } from 'libusdt';
import { bridgeTracingChannel } from '../bridge/tracing-channel.ts';

interface SpawnMessage {
  readonly process: ChildProcess;
}

/** `child-spawn-start`, `-end` and `-error`, each with the file and the arguments. */
export function bridgeSpawn(provider: Provider): void {
  bridgeTracingChannel('child_process.spawn', {
    provider,
    probe: 'child-spawn',
    types: ['char *', 'json'],
    args: ({ process: child }: SpawnMessage) => [child.spawnfile, child.spawnargs],
    // Each event has a message of its own.
    operation: ({ process: child }) => child,
  });
}
