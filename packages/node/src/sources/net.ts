/**
 * Sockets, from Node's own channels.
 * https://nodejs.org/api/diagnostics_channel.html#net
 * @module
 */

import type { Socket as DatagramSocket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { bridgeChannel } from '../bridge/channel.ts';
import { watch } from '../bridge/watch.ts';
import type { NodeProbes } from '../provider.ts';
import { createIds } from '../stamp.ts';
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
