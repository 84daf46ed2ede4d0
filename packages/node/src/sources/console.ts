/**
 * console: since Node 22. The text is what the console prints, made only while somebody traces.
 * https://nodejs.org/api/diagnostics_channel.html#console
 */

import { format } from 'node:util';
import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';

const LEVELS = ['log', 'info', 'debug', 'warn', 'error'] as const;

export const nodeConsole = defineSource({
  shapes: {
    // text
    'console-log': ['char *'],
    'console-info': ['char *'],
    'console-debug': ['char *'],
    'console-warn': ['char *'],
    'console-error': ['char *'],
  },
  start(probes) {
    for (const level of LEVELS) {
      bridgeChannel(`console.${level}`, {
        probe: probes[`console-${level}`],
        args: (values: readonly unknown[]) => [format(...values)],
      });
    }
  },
});
