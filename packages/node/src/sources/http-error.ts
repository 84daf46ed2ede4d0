/**
 * http: requests that fail.
 * https://nodejs.org/api/diagnostics_channel.html#http
 */

import type { ClientRequest } from 'node:http';
import { bridgeChannel } from '../bridge/channel.ts';
import { clientRequestId } from '../client-request.ts';
import { connectionId } from '../connection.ts';
import { defineSource } from '../source.ts';

export const httpError = defineSource({
  shapes: {
    // request, error, connection
    'http-client-error': ['uint64_t', 'char *', 'uint64_t'],
  },
  start(probes) {
    bridgeChannel('http.client.request.error', {
      probe: probes['http-client-error'],
      args: ({ request, error }: { request: ClientRequest; error: Error }) => [
        clientRequestId(request),
        String(error),
        connectionId(request.socket),
      ],
    });
  },
});
