/**
 * What the old probes say of a connection.
 * @module
 */

import type { Socket } from 'node:net';
import { Given } from '../stamp.ts';

/** connection, remote, port, fd */
export type Connection = [id: number, remote: string, port: number, fd: number];

let last = 0;

/**
 * Asking the kernel for the address, and Node for the descriptor, costs more than all the rest: once is enough.
 * A stamp (stamp.ts) whose code is its own, since every request looks its connection up: see there.
 */
class Known extends Given {
  readonly #connection: Connection;

  private constructor(socket: Socket, connection: Connection) {
    super(socket);
    this.#connection = connection;
  }

  static of(socket: Socket): Connection {
    if (#connection in socket) return socket.#connection;
    const connection: Connection = [++last, '', 0, -1];
    new Known(socket, connection);
    return connection;
  }
}

export function connectionId(socket: Socket | null | undefined): number {
  return socket ? Known.of(socket)[0] : 0;
}

export function connectionOf(socket: Socket | null | undefined): Connection {
  if (!socket) return [0, '', 0, -1];
  const connection = Known.of(socket);
  if (connection[1] === '') {
    connection[1] = socket.remoteAddress ?? '';
    connection[2] = socket.remotePort ?? 0;
    connection[3] = descriptorOf(socket);
  }
  return connection;
}

/** The file descriptor, -1 if there is none. Node has no public name for it. */
export function descriptorOf(socket: Socket | null | undefined): number {
  const handle = (socket as { _handle?: { fd?: unknown } } | null | undefined)?._handle;
  return typeof handle?.fd === 'number' ? handle.fd : -1;
}
