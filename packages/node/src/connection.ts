/**
 * What several sources say of a connection.
 */

import type { Socket } from 'node:net';
import type { CTypeName } from 'libusdt';
import { Stamper } from './stamp.ts';

/** connection, remote, port, fd */
export type Connection = [id: number, remote: string, port: number, fd: number];

/** The C types of a `Connection`. */
export const CONNECTION_TYPES = ['uint64_t', 'char *', 'int', 'int'] as const satisfies readonly CTypeName[];

let lastId = 0;

/**
 * Asking the kernel for the address, and Node for the descriptor, costs more than all the rest: once is enough.
 * A stamp with a class of its own, since every request looks its connection up: see stamp.ts.
 */
class ConnectionStamper extends Stamper {
  readonly #connection: Connection;

  private constructor(socket: Socket, connection: Connection) {
    super(socket);
    this.#connection = connection;
  }

  static connectionOf(socket: Socket): Connection {
    if (#connection in socket) return socket.#connection;
    const connection: Connection = [++lastId, '', 0, -1];
    new ConnectionStamper(socket, connection);
    return connection;
  }
}

/** The connection's id: 1, 2, 3 ... and 0 for no socket. */
export function connectionId(socket: Socket | null | undefined): number {
  return socket ? ConnectionStamper.connectionOf(socket)[0] : 0;
}

export function connectionOf(socket: Socket | null | undefined): Connection {
  if (!socket) return [0, '', 0, -1];
  const connection = ConnectionStamper.connectionOf(socket);
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
