/**
 * http: requests and answers as they are made, before they are sent: since Node 22.
 * https://nodejs.org/api/diagnostics_channel.html#http
 * @module
 */

import type { ClientRequest, IncomingMessage } from 'node:http';
import { bridgeChannel } from '../bridge/channel.ts';
import type { NodeProbes } from '../provider.ts';
import { connectionId } from './connection.ts';
import { clientRequestId, peerOf } from './http.ts';

export function bridgeHttpCreated(probes: NodeProbes): void {
  bridgeChannel('http.client.request.created', {
    probe: probes['http-client-request-created'],
    args: ({ request }: { request: ClientRequest }) => [
      clientRequestId(request),
      ...peerOf(request),
      request.method,
      request.path,
    ],
  });
  bridgeChannel('http.server.response.created', {
    probe: probes['http-server-response-created'],
    // Before the request's own event, which is the next of this connection and has its number.
    args: ({ request }: { request: IncomingMessage }) => [
      connectionId(request.socket),
      request.method ?? '',
      request.url ?? '',
    ],
  });
}
