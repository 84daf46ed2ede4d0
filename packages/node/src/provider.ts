/**
 * Provider `node`: once in each thread, also if several copies of this package are loaded.
 * @module
 */

import { createProvider, type Provider } from 'libusdt';
import { SHAPES } from './shapes.ts';
import { bridgeConsole } from './sources/console.ts';
import { bridgeHttp } from './sources/http.ts';
import { bridgeHttpCreated } from './sources/http-created.ts';
import { bridgeHttp2 } from './sources/http2.ts';
import { watchListening } from './sources/listen.ts';
import { bridgeLocks } from './sources/locks.ts';
import { bridgeModules } from './sources/module.ts';
import { bridgeNet } from './sources/net.ts';
import { watchPerformance } from './sources/performance.ts';
import { bridgePermissions } from './sources/permission.ts';
import { watchProcess } from './sources/process.ts';
import { bridgeSpawn } from './sources/spawn.ts';
import { bridgeSqlite } from './sources/sqlite.ts';
import { bridgeTests } from './sources/test-runner.ts';
import { bridgeUndici } from './sources/undici.ts';
import { bridgeWebSocket } from './sources/websocket.ts';

export type NodeProvider = Provider<typeof SHAPES>;
export type NodeProbes = NodeProvider['probes'];

const KEY = Symbol.for('@libusdt/node');
const shared = globalThis as { [KEY]?: NodeProvider };

/** Makes the probes visible. The second call gives what the first has made. */
export function provideNode(): NodeProvider {
  const known = shared[KEY];
  if (known) return known;
  const provider = createProvider('node', { probes: SHAPES });
  shared[KEY] = provider;
  bridgeModules(provider as unknown as Provider);
  bridgeSpawn(provider as unknown as Provider);
  // Nothing is to be watched where nobody can trace.
  if (provider.enable().state !== 'active') return provider;
  const { probes } = provider;
  bridgeHttp(probes);
  bridgeHttpCreated(probes);
  bridgeNet(probes);
  watchListening(probes);
  bridgeUndici(probes);
  bridgeWebSocket(probes);
  bridgeHttp2(probes);
  bridgeConsole(probes);
  bridgeLocks(probes);
  bridgeSqlite(probes);
  bridgePermissions(probes);
  bridgeTests(probes);
  watchPerformance(probes);
  watchProcess(probes);
  return provider;
}
