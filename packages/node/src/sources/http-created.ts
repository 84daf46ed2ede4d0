/**
 * http: requests and answers as they are made, before they are sent: since Node 22.
 * https://nodejs.org/api/diagnostics_channel.html#http
 */

import type { ClientRequest, IncomingMessage } from 'node:http';
import { bridgeChannel } from '../bridge/channel.ts';
import { clientRequestId, peerOf } from '../client-request.ts';
import { connectionId } from '../connection.ts';
import { defineSource } from '../source.ts';

export const httpCreated = defineSource({
  shapes: {
    // request, host, port, method, path
    'http-client-request-created': ['uint64_t', 'char *', 'int', 'char *', 'char *'],
    // connection, method, url
    'http-server-response-created': ['uint64_t', 'char *', 'char *'],
  },
  start(probes) {
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
  },
});
