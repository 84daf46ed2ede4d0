/**
 * `node --import @libusdt/node app.js`: Node's own probes, in provider `node`. Importing it makes them visible; for
 * bridges alone import `@libusdt/node/bridge`.
 */

import { provideNode } from './provider.ts';

export * from './bridge/index.ts';
export type { NodeProbes, NodeProvider } from './provider.ts';

/** Provider `node`, and its `status`. */
export const node = provideNode();
