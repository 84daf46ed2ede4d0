/**
 * Servers that begin to listen.
 *
 * net.server.listen is a TracingChannel in name: each event has a message of its own, nothing is published at its
 * `start` and `end`, and `asyncStart` is where it begins.
 * https://nodejs.org/api/diagnostics_channel.html#net
 * @module
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ListenOptions, Server } from 'node:net';
import { watch } from '../bridge/watch.ts';
import type { NodeProbes } from '../provider.ts';
import { createIds } from '../stamp.ts';

interface ListenMessage {
  readonly server: Server;
  readonly options?: ListenOptions;
  readonly error?: unknown;
}

export function watchListening(probes: NodeProbes): void {
  const begin = probes['net-server-listen-start'];
  const done = probes['net-server-listen-done'];
  const failed = probes['net-server-listen-error'];
  const serverId = createIds();
  const begun = new WeakMap<Server, bigint>();
  const durationOf = (server: Server): bigint => {
    const since = begun.get(server);
    return since === undefined ? 0n : process.hrtime.bigint() - since;
  };
  const onStart = (message: unknown): void => {
    const { server, options = {} } = message as ListenMessage;
    begun.set(server, process.hrtime.bigint());
    begin.fireLazy(() => [serverId(server), options.path ?? options.host ?? '', options.port ?? 0]);
  };
  const onDone = (message: unknown): void => {
    const { server } = message as ListenMessage;
    done.fireLazy(() => {
      const bound = server.address();
      const [host, port] = typeof bound === 'string' ? [bound, 0] : [bound?.address ?? '', bound?.port ?? 0];
      return [serverId(server), host, port, durationOf(server)];
    });
  };
  const onError = (message: unknown): void => {
    const { server, error } = message as ListenMessage;
    failed.fireLazy(() => [serverId(server), String(error), durationOf(server)]);
  };
  watch({
    probes: [begin, done, failed],
    start() {
      subscribe('tracing:net.server.listen:asyncStart', onStart);
      subscribe('tracing:net.server.listen:asyncEnd', onDone);
      subscribe('tracing:net.server.listen:error', onError);
    },
    stop() {
      unsubscribe('tracing:net.server.listen:asyncStart', onStart);
      unsubscribe('tracing:net.server.listen:asyncEnd', onDone);
      unsubscribe('tracing:net.server.listen:error', onError);
    },
  });
}
