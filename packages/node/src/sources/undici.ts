/**
 * undici, which is also Node's `fetch`.
 * https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
 */

import type { Socket } from 'node:net';
import { bridgeChannel } from '../bridge/channel.ts';
import { connectionId } from '../connection.ts';
import { defineSource } from '../source.ts';
import { createIds } from '../stamp.ts';

interface Request {
  readonly origin?: unknown;
  readonly method?: string;
  readonly path?: string;
}

interface ConnectMessage {
  readonly connectParams: {
    readonly hostname?: string;
    readonly port?: string;
    readonly protocol?: string;
    readonly servername?: string | null;
  };
  readonly error?: unknown;
}

const requestId = createIds();

export const undici = defineSource({
  shapes: {
    // request, method, origin, path
    'undici-request-create': ['uint64_t', 'char *', 'char *', 'char *'],
    // request, headers, connection
    'undici-client-send-headers': ['uint64_t', 'char *', 'uint64_t'],
    // request, bytes
    'undici-request-body-chunk-sent': ['uint64_t', 'uint64_t'],
    'undici-request-body-chunk-received': ['uint64_t', 'uint64_t'],
    'undici-request-body-sent': ['uint64_t'],
    // request, status, text
    'undici-request-headers': ['uint64_t', 'int', 'char *'],
    'undici-request-trailers': ['uint64_t'],
    // request, error
    'undici-request-error': ['uint64_t', 'char *'],
    // host, port, protocol, server name
    'undici-client-before-connect': ['char *', 'int', 'char *', 'char *'],
    'undici-client-connected': ['char *', 'int', 'char *', 'char *'],
    // host, port, protocol, server name, error
    'undici-client-connect-error': ['char *', 'int', 'char *', 'char *', 'char *'],
    // connection, proxy, host and port that it was asked for
    'undici-proxy-connected': ['uint64_t', 'char *', 'char *'],
  },
  start(probes) {
    bridgeChannel('undici:request:create', {
      probe: probes['undici-request-create'],
      args: ({ request }: { request: Request }) => [
        requestId(request),
        request.method ?? '',
        String(request.origin ?? ''),
        request.path ?? '',
      ],
    });
    bridgeChannel('undici:client:sendHeaders', {
      probe: probes['undici-client-send-headers'],
      args: ({ request, headers, socket }: { request: Request; headers: unknown; socket?: Socket }) => [
        requestId(request),
        String(headers),
        connectionId(socket),
      ],
    });
    for (const [event, probe] of [
      ['bodyChunkSent', 'undici-request-body-chunk-sent'],
      ['bodyChunkReceived', 'undici-request-body-chunk-received'],
    ] as const) {
      bridgeChannel(`undici:request:${event}`, {
        probe: probes[probe],
        args: ({ request, chunk }: { request: Request; chunk: string | Uint8Array }) => [
          requestId(request),
          Buffer.byteLength(chunk),
        ],
      });
    }
    bridgeChannel('undici:request:bodySent', {
      probe: probes['undici-request-body-sent'],
      args: ({ request }: { request: Request }) => [requestId(request)],
    });
    bridgeChannel('undici:request:headers', {
      probe: probes['undici-request-headers'],
      args: ({
        request,
        response,
      }: {
        request: Request;
        response: { statusCode: number; statusText?: string };
      }) => [requestId(request), response.statusCode, response.statusText ?? ''],
    });
    bridgeChannel('undici:request:trailers', {
      probe: probes['undici-request-trailers'],
      args: ({ request }: { request: Request }) => [requestId(request)],
    });
    bridgeChannel('undici:request:error', {
      probe: probes['undici-request-error'],
      args: ({ request, error }: { request: Request; error: unknown }) => [requestId(request), String(error)],
    });
    bridgeChannel('undici:client:beforeConnect', {
      probe: probes['undici-client-before-connect'],
      args: connectArgs,
    });
    bridgeChannel('undici:client:connected', {
      probe: probes['undici-client-connected'],
      args: connectArgs,
    });
    bridgeChannel('undici:client:connectError', {
      probe: probes['undici-client-connect-error'],
      args: (message: ConnectMessage) => [...connectArgs(message), String(message.error)],
    });
    bridgeChannel('undici:proxy:connected', {
      probe: probes['undici-proxy-connected'],
      args: ({ socket, connectParams }: ProxyMessage) => [
        connectionId(socket),
        String(connectParams.origin ?? ''),
        connectParams.path ?? '',
      ],
    });
  },
});

interface ProxyMessage {
  readonly socket?: Socket;
  /** Where the proxy is, and what it was asked for. */
  readonly connectParams: { readonly origin?: unknown; readonly path?: string };
}

function connectArgs({ connectParams }: ConnectMessage): [string, number, string, string] {
  const { hostname = '', port, protocol = '', servername } = connectParams;
  return [hostname, Number(port || (protocol === 'https:' ? 443 : 80)), protocol, servername ?? ''];
}
