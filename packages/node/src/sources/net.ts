/**
 * net: the two probes of old, from Node's own channels.
 * https://nodejs.org/api/diagnostics_channel.html#net
 */

import type { Socket } from 'node:net';
import { bridgeChannel } from '../bridge/channel.ts';
import { subscribeWhileTraced } from '../bridge/subscribe.ts';
import { CONNECTION_TYPES, connectionOf } from '../connection.ts';
import { defineSource } from '../source.ts';

interface Opened {
  readonly socket: Socket;
}

export const net = defineSource({
  shapes: {
    // connection, remote, port, fd
    'net-server-connection': CONNECTION_TYPES,
    'net-stream-end': CONNECTION_TYPES,
  },
  start(probes) {
    bridgeChannel('net.server.socket', {
      probe: probes['net-server-connection'],
      args: ({ socket }: Opened) => connectionOf(socket),
    });
    // There is no channel for the end of a stream: the `finish` event of sockets that are opened while somebody traces.
    // The old probe fired when `end()` was called; this one when what was written before has been handed to the kernel.
    const ended = probes['net-stream-end'];
    const onOpen = ({ socket }: Opened): void => {
      socket.once('finish', () => ended.fireLazy(() => connectionOf(socket)));
    };
    subscribeWhileTraced(
      [ended],
      [
        ['net.server.socket', onOpen],
        ['net.client.socket', onOpen],
      ],
    );
  },
});
