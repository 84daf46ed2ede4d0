/**
 * Web Locks: since Node 24.
 * https://nodejs.org/api/diagnostics_channel.html#web-locks
 */

import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';

interface LockMessage {
  readonly name: string;
  readonly mode: string;
  readonly error?: unknown;
}

export const locks = defineSource({
  shapes: {
    // name, mode
    'lock-request-start': ['char *', 'char *'],
    'lock-request-grant': ['char *', 'char *'],
    'lock-request-miss': ['char *', 'char *'],
    // name, mode, error
    'lock-request-end': ['char *', 'char *', 'char *'],
  },
  start(probes) {
    for (const event of ['start', 'grant', 'miss'] as const) {
      bridgeChannel(`locks.request.${event}`, {
        probe: probes[`lock-request-${event}`],
        args: ({ name, mode }: LockMessage) => [name, mode],
      });
    }
    bridgeChannel('locks.request.end', {
      probe: probes['lock-request-end'],
      args: ({ name, mode, error }: LockMessage) => [name, mode, error === undefined ? '' : String(error)],
    });
  },
});
