/**
 * What the old probes say of a connection.
 * @module
 */

import type { Socket } from 'node:net';
import { createIds } from '../ids.ts';

export const connectionId = createIds();

/** The file descriptor, -1 if there is none. Node has no public name for it. */
export function descriptorOf(socket: Socket | null | undefined): number {
  const handle = (socket as { _handle?: { fd?: unknown } } | null | undefined)?._handle;
  return typeof handle?.fd === 'number' ? handle.fd : -1;
}

/** connection, remote, port, fd */
export function connectionOf(socket: Socket | null | undefined): [number, string, number, number] {
  return [connectionId(socket), socket?.remoteAddress ?? '', socket?.remotePort ?? 0, descriptorOf(socket)];
}
