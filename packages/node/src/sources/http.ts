/**
 * http: the four probes of old, and client errors, from Node's own channels.
 * https://nodejs.org/api/diagnostics_channel.html#http
 * @module
 */

import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { bridgeChannel, bridgeMessages } from '../bridge/channel.ts';
import type { NodeProbes } from '../provider.ts';
import { createIds, Given } from '../stamp.ts';
import { connectionId, connectionOf, descriptorOf } from './connection.ts';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface ClientExchange {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
}

const FORWARDED_FOR = 'x-forwarded-for';

let lastRequest = 0;

/** The numbers of a server's requests: a stamp (stamp.ts) with code of its own. */
class Numbered extends Given {
  readonly #number: number;

  private constructor(request: IncomingMessage) {
    super(request);
    this.#number = ++lastRequest;
  }

  /** A number for a request that has none, which the answer will find. */
  static begin(request: IncomingMessage): number {
    new Numbered(request);
    return lastRequest;
  }

  /** The number of a request; a new one if nobody traced when it came. */
  static of(request: IncomingMessage): number {
    return #number in request ? request.#number : ++lastRequest;
  }
}

export const clientRequestId = createIds();

export function bridgeHttp(probes: NodeProbes): void {
  const asked = probes['http-server-request'];
  const answered = probes['http-server-response'];
  bridgeMessages('http.server.request.start', asked, ({ request }: Exchange) => {
    const [connection, remote, port, fd] = connectionOf(request.socket);
    const { method = '', url = '' } = request;
    // Where nobody will ask for it, the number need not be kept.
    const id = answered.enabled ? Numbered.begin(request) : ++lastRequest;
    asked.fire(id, connection, remote, port, method, url, fd, forwardedFor(request));
  });
  bridgeMessages('http.server.response.finish', answered, ({ request, response }: Exchange) => {
    const [id, remote, port, fd] = connectionOf(request.socket);
    answered.fire(id, remote, port, fd, Numbered.of(request), response.statusCode);
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

/** Not by `headers`: Node makes that object when it is first asked for, and most requests of a busy server go without. */
function forwardedFor({ rawHeaders }: IncomingMessage): string {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === FORWARDED_FOR.length && name.toLowerCase() === FORWARDED_FOR)
      return rawHeaders[index + 1]!;
  }
  return '';
}

/** Host and port that a request goes to, as the old probes had them: by name. */
export function peerOf(request: ClientRequest): [host: string, port: number] {
  const header = String(request.getHeader('host') ?? '');
  const named = Number(/:(\d+)$/.exec(header)?.[1] ?? 0);
  const usual = request.protocol === 'https:' ? 443 : 80;
  return [request.host ?? '', request.socket?.remotePort ?? (named || usual)];
}
