/**
 * Sockets that the program itself makes.
 * https://nodejs.org/api/diagnostics_channel.html#net
 */

import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import { bridgeChannel } from '../bridge/channel.ts';
import { connectionId } from '../connection.ts';
import { defineSource } from '../source.ts';
import { createIds } from '../stamp.ts';

const datagramSocketId = createIds();

export const socket = defineSource({
  shapes: {
    // connection, host, port
    'net-client-socket': ['uint64_t', 'char *', 'int'],
    // socket, type
    'udp-socket': ['uint64_t', 'char *'],
  },
  start(probes) {
    bridgeChannel('net.client.socket', {
      probe: probes['net-client-socket'],
      // Where it will be connected to is not known yet.
      args: ({ socket }: { socket: Socket }) => [
        connectionId(socket),
        socket.remoteAddress ?? '',
        socket.remotePort ?? 0,
      ],
    });
    bridgeChannel('udp.socket', {
      probe: probes['udp-socket'],
      args: ({ socket }: { socket: DatagramSocket & { type?: string } }) => [
        datagramSocketId(socket),
        socket.type ?? '',
      ],
    });
  },
});
