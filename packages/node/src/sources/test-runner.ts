/**
 * Tests of node:test: since Node 24.
 * https://nodejs.org/api/diagnostics_channel.html
 */

import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';

interface TestMessage {
  readonly name: string;
  readonly file?: string;
  readonly nesting: number;
  readonly type?: string;
  readonly error?: unknown;
}

/** Not by bridgeTracingChannel(): the message of `error` is another than that of `start` and `end`. */
export const testRunner = defineSource({
  shapes: {
    // name, file, nesting, type
    'test-start': ['char *', 'char *', 'int', 'char *'],
    'test-end': ['char *', 'char *', 'int', 'char *'],
    // name, file, nesting, type, error
    'test-error': ['char *', 'char *', 'int', 'char *', 'char *'],
  },
  start(probes) {
    for (const event of ['start', 'end'] as const) {
      bridgeChannel(`tracing:node.test:${event}`, { probe: probes[`test-${event}`], args: testOf });
    }
    bridgeChannel('tracing:node.test:error', {
      probe: probes['test-error'],
      args: (message: TestMessage) => [...testOf(message), String(message.error)],
    });
  },
});

/** name, file, nesting, type */
function testOf({ name, file, nesting, type }: TestMessage): [string, string, number, string] {
  return [name, file ?? '', nesting, type ?? ''];
}
