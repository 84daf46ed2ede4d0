/**
 * Modules that are loaded: since Node 22.
 * https://nodejs.org/api/diagnostics_channel.html#modules
 */

import { tracingSource } from '../tracing-source.ts';

/** `module-require-start` ..., each with what is loaded, and from where. */
export const moduleRequire = tracingSource('module.require', {
  probe: 'module-require',
  types: ['char *', 'char *'],
  args: ({ id, parentFilename }: { id?: string; parentFilename?: string }) => [
    id ?? '',
    parentFilename ?? '',
  ],
});

/** `module-import-start` ..., each with what is loaded, and from where. */
export const moduleImport = tracingSource('module.import', {
  probe: 'module-import',
  types: ['char *', 'char *'],
  args: ({ url, id, parentURL }: { url?: string; id?: string; parentURL?: string }) => [
    url ?? id ?? '',
    parentURL ?? '',
  ],
});
