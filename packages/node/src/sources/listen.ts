/**
 * Servers that begin to listen.
 *
 * net.server.listen is a TracingChannel in name: each event has a message of its own, nothing is published at its
 * `start` and `end`, and `asyncStart` is where it begins.
 * https://nodejs.org/api/diagnostics_channel.html#net
 */

import type { ListenOptions, Server } from 'node:net';
import { subscribeWhileTraced } from '../bridge/subscribe.ts';
import { defineSource } from '../source.ts';
import { createIds } from '../stamp.ts';

interface ListenMessage {
  readonly server: Server;
  readonly options?: ListenOptions;
  readonly error?: unknown;
}

const serverId = createIds();

export const listen = defineSource({
  shapes: {
    // server, host or path, port
    'net-server-listen-start': ['uint64_t', 'char *', 'int'],
    // server, address or path, port, duration (ns)
    'net-server-listen-done': ['uint64_t', 'char *', 'int', 'uint64_t'],
    // server, error, duration (ns)
    'net-server-listen-error': ['uint64_t', 'char *', 'uint64_t'],
  },
  start(probes) {
    const started = probes['net-server-listen-start'];
    const done = probes['net-server-listen-done'];
    const failed = probes['net-server-listen-error'];
    const startTimes = new WeakMap<Server, bigint>();
    const durationOf = (server: Server): bigint => {
      const since = startTimes.get(server);
      return since === undefined ? 0n : process.hrtime.bigint() - since;
    };
    const onStart = ({ server, options = {} }: ListenMessage): void => {
      startTimes.set(server, process.hrtime.bigint());
      started.fireLazy(() => [serverId(server), options.path ?? options.host ?? '', options.port ?? 0]);
    };
    const onDone = ({ server }: ListenMessage): void =>
      done.fireLazy(() => [serverId(server), ...boundTo(server), durationOf(server)]);
    const onError = ({ server, error }: ListenMessage): void =>
      failed.fireLazy(() => [serverId(server), String(error), durationOf(server)]);
    subscribeWhileTraced(
      [started, done, failed],
      [
        ['tracing:net.server.listen:asyncStart', onStart],
        ['tracing:net.server.listen:asyncEnd', onDone],
        ['tracing:net.server.listen:error', onError],
      ],
    );
  },
});

function boundTo(server: Server): [address: string, port: number] {
  const bound = server.address();
  return typeof bound === 'string' ? [bound, 0] : [bound?.address ?? '', bound?.port ?? 0];
}
