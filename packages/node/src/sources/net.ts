/**
 * Sockets, from Node's own channels.
 * https://nodejs.org/api/diagnostics_channel.html#net
 * @module
 */

import type { Socket as DatagramSocket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ListenOptions, Server, Socket } from 'node:net';
import { bridgeChannel } from '../bridge/channel.ts';
import { watch } from '../bridge/watch.ts';
import type { NodeProbes } from '../provider.ts';
import { createIds, createStamp } from '../stamp.ts';
import { connectionId, connectionOf } from './connection.ts';

const datagramSocketId = createIds();

interface Opened {
  readonly socket: Socket;
}

export function bridgeNet(probes: NodeProbes): void {
  bridgeChannel('net.server.socket', {
    probe: probes['net-server-connection'],
    args: ({ socket }: Opened) => connectionOf(socket),
  });
  bridgeChannel('net.client.socket', {
    probe: probes['net-client-socket'],
    // Where it will be connected to is not known yet.
    args: ({ socket }: Opened) => [connectionId(socket), socket.remoteAddress ?? '', socket.remotePort ?? 0],
  });
  bridgeChannel('udp.socket', {
    probe: probes['udp-socket'],
    args: ({ socket }: { socket: DatagramSocket & { type?: string } }) => [
      datagramSocketId(socket),
      socket.type ?? '',
    ],
  });
  watchEnds(probes['net-stream-end']);
  watchListening(probes);
}

/**
 * There is no channel for the end of a stream: the `finish` event of sockets that are opened while somebody traces.
 * The old probe fired when `end()` was called; this one when what was written before has been handed to the kernel.
 */
function watchEnds(probe: NodeProbes['net-stream-end']): void {
  const onOpen = (message: unknown): void => {
    const { socket } = message as Opened;
    socket.once('finish', () => probe.fireLazy(() => connectionOf(socket)));
  };
  watch({
    probes: [probe],
    start() {
      subscribe('net.server.socket', onOpen);
      subscribe('net.client.socket', onOpen);
    },
    stop() {
      unsubscribe('net.server.socket', onOpen);
      unsubscribe('net.client.socket', onOpen);
    },
  });
}

interface ListenMessage {
  readonly server: Server;
  readonly options?: ListenOptions;
  readonly error?: unknown;
}

/**
 * net.server.listen is a TracingChannel in name: each event has a message of its own, nothing is published at its
 * `start` and `end`, and `asyncStart` is where it begins.
 */
function watchListening(probes: NodeProbes): void {
  const begin = probes['net-server-listen-start'];
  const done = probes['net-server-listen-done'];
  const failed = probes['net-server-listen-error'];
  const serverId = createIds();
  const listening = createStamp(() => ({ since: 0n }));
  const durationOf = (server: Server): bigint | number => {
    const { since } = listening(server);
    return since ? process.hrtime.bigint() - since : 0;
  };
  const onStart = (message: unknown): void => {
    const { server, options = {} } = message as ListenMessage;
    listening(server).since = process.hrtime.bigint();
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
