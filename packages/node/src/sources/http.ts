/**
 * http: the four probes of old, and client errors, from Node's own channels.
 * https://nodejs.org/api/diagnostics_channel.html#http
 * @module
 */

import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { bridgeChannel } from '../bridge/channel.ts';
import { createIds } from '../ids.ts';
import type { NodeProbes } from '../provider.ts';
import { connectionId, connectionOf, descriptorOf } from './connection.ts';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface ClientExchange {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
}

const serverRequestId = createIds();
const clientRequestId = createIds();

export function bridgeHttp(probes: NodeProbes): void {
  bridgeChannel('http.server.request.start', {
    probe: probes['http-server-request'],
    args: ({ request }: Exchange) => {
      const [connection, remote, port, fd] = connectionOf(request.socket);
      const { method = '', url = '' } = request;
      const forwarded = String(request.headers['x-forwarded-for'] ?? '');
      return [serverRequestId(request), connection, remote, port, method, url, fd, forwarded];
    },
  });
  bridgeChannel('http.server.response.finish', {
    probe: probes['http-server-response'],
    args: ({ request, response }: Exchange) => [
      ...connectionOf(request.socket),
      serverRequestId(request),
      response.statusCode,
    ],
  });
  bridgeChannel('http.client.request.start', {
    probe: probes['http-client-request'],
    args: ({ request }: { request: ClientRequest }) => {
      const { socket } = request;
      const [host, port] = peerOf(request);
      const { method, path } = request;
      return [clientRequestId(request), connectionId(socket), host, port, method, path, descriptorOf(socket)];
    },
  });
  bridgeChannel('http.client.response.finish', {
    probe: probes['http-client-response'],
    args: ({ request, response }: ClientExchange) => {
      const [host, port] = peerOf(request);
      const { socket } = request;
      const status = response.statusCode ?? 0;
      return [connectionId(socket), host, port, descriptorOf(socket), clientRequestId(request), status];
    },
  });
  bridgeChannel('http.client.request.error', {
    probe: probes['http-client-error'],
    args: ({ request, error }: { request: ClientRequest; error: Error }) => [
      clientRequestId(request),
      String(error),
      connectionId(request.socket),
    ],
  });
}

/** Host and port that a request goes to, as the old probes had them: by name. */
function peerOf(request: ClientRequest): [host: string, port: number] {
  const header = String(request.getHeader('host') ?? '');
  const named = Number(/:(\d+)$/.exec(header)?.[1] ?? 0);
  const usual = request.protocol === 'https:' ? 443 : 80;
  return [request.host ?? '', request.socket?.remotePort ?? (named || usual)];
}
