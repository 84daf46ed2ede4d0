/**
 * The sources of provider `node`. Their order is that of the probes in its image: the image's file is named by its
 * content's hash, so another order would be another file, and tracers attached to one file see no program that uses
 * the other. A new source goes to the end.
 *
 * The first three have the probes of Node 0.6 to 18, at the positions that its SystemTap tapset documents, so that old
 * scripts find them. Where a position held an address of an object of V8, there is a number that tells the object from
 * others of its kind: scripts used the address as a key, and that works with the number too.
 * https://github.com/nodejs/node/blob/v18.x/src/node_provider.d
 * https://github.com/nodejs/node/blob/v18.x/src/node.stp
 */

import { childProcess } from './child-process.ts';
import { nodeConsole } from './console.ts';
import { dns } from './dns.ts';
import { eventLoop } from './event-loop.ts';
import { gc } from './gc.ts';
import { http } from './http.ts';
import { httpCreated } from './http-created.ts';
import { httpError } from './http-error.ts';
import { http2 } from './http2.ts';
import { listen } from './listen.ts';
import { locks } from './locks.ts';
import { moduleImport, moduleRequire } from './module.ts';
import { net } from './net.ts';
import { permission } from './permission.ts';
import { nodeProcess } from './process.ts';
import { socket } from './socket.ts';
import { spawn } from './spawn.ts';
import { sqlite } from './sqlite.ts';
import { testRunner } from './test-runner.ts';
import { undici } from './undici.ts';
import { webSocket } from './websocket.ts';
import { worker } from './worker.ts';

export const SOURCES = [
  http,
  net,
  gc,
  httpError,
  socket,
  listen,
  httpCreated,
  childProcess,
  worker,
  undici,
  webSocket,
  http2,
  nodeConsole,
  locks,
  sqlite,
  permission,
  testRunner,
  dns,
  eventLoop,
  nodeProcess,
  moduleRequire,
  moduleImport,
  spawn,
] as const;
