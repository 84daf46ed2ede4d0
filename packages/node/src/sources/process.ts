/**
 * The process: its errors, warnings and end.
 *
 * Events that come once in a process, or right before its end, have their listener all the time: a tenth of a second
 * is too long to notice there that somebody traces. None of these listeners changes what the process does:
 * `unhandledRejection` would, and is not used.
 * https://nodejs.org/api/process.html#process-events
 */

import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';

export const nodeProcess = defineSource({
  shapes: {
    // name, message, stack
    'unhandled-rejection': ['char *', 'char *', 'char *'],
    'uncaught-exception': ['char *', 'char *', 'char *'],
    // name, code, message
    'process-warning': ['char *', 'char *', 'char *'],
    // exit code
    'process-exit': ['int'],
    // file, arguments
    'process-execve': ['char *', 'json'],
  },
  start(probes) {
    process.on('exit', (code) => probes['process-exit'].fire(Number(code)));
    process.on('uncaughtExceptionMonitor', (error: unknown, origin) => {
      const name = origin === 'unhandledRejection' ? 'unhandled-rejection' : 'uncaught-exception';
      probes[name].fireLazy(() => describe(error));
    });
    process.on('warning', (warning: Error & { code?: string }) =>
      probes['process-warning'].fireLazy(() => [warning.name, warning.code ?? '', warning.message]),
    );
    bridgeChannel('process.execve', {
      probe: probes['process-execve'],
      args: ({ execPath, args }: { execPath: string; args: readonly string[] }) => [execPath, args],
    });
  },
});

function describe(error: unknown): [name: string, message: string, stack: string] {
  if (!(error instanceof Error)) return ['', String(error), ''];
  return [String(error.name), String(error.message), String(error.stack ?? '')];
}
