/**
 * Provider `node`: once in each thread, also if several copies of this package are loaded.
 */

import type { Provider } from 'libusdt';
import { type MergedShapes, provide } from './source.ts';
import { SOURCES } from './sources/index.ts';

export type NodeProvider = Provider<MergedShapes<typeof SOURCES>>;
export type NodeProbes = NodeProvider['probes'];

const KEY = Symbol.for('@libusdt/node');
const shared = globalThis as { [KEY]?: NodeProvider };

/** Makes the probes visible. The second call gives what the first has made. */
export function provideNode(): NodeProvider {
  shared[KEY] ??= provide('node', SOURCES);
  return shared[KEY];
}
