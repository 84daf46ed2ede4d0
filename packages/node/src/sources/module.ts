/**
 * Modules that are loaded: since Node 22.
 * https://nodejs.org/api/diagnostics_channel.html#modules
 * @module
 */

import type { Provider } from 'libusdt';
import { bridgeTracingChannel } from '../bridge/tracing-channel.ts';

/** `module-require-start` ... and `module-import-start` ..., each with what is loaded, and from where. */
export function bridgeModules(provider: Provider): void {
  bridgeTracingChannel('module.require', {
    provider,
    probe: 'module-require',
    types: ['char *', 'char *'],
    args: ({ id, parentFilename }: { id?: string; parentFilename?: string }) => [
      id ?? '',
      parentFilename ?? '',
    ],
  });
  bridgeTracingChannel('module.import', {
    provider,
    probe: 'module-import',
    types: ['char *', 'char *'],
    args: ({ url, id, parentURL }: { url?: string; id?: string; parentURL?: string }) => [
      url ?? id ?? '',
      parentURL ?? '',
    ],
  });
}
