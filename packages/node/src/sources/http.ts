/**
 * http: the four probes of old, from Node's own channels.
 * https://nodejs.org/api/diagnostics_channel.html#http
 */

import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { bridgeChannel, bridgeMessages } from '../bridge/channel.ts';
import { clientRequestId, peerOf } from '../client-request.ts';
import { CONNECTION_TYPES, connectionId, connectionOf, descriptorOf } from '../connection.ts';
import { defineSource } from '../source.ts';
import { Stamper } from '../stamp.ts';

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

/** The ids of a server's requests: a stamp with a class of its own, see stamp.ts. */
class RequestStamper extends Stamper {
  readonly #id: number;

  private constructor(request: IncomingMessage) {
    super(request);
    this.#id = ++lastRequest;
  }

  /** An id for a request that has none, which the answer will find. */
  static stamp(request: IncomingMessage): number {
    new RequestStamper(request);
    return lastRequest;
  }

  /** The id of a request; a new one if nobody traced when it came. */
  static idOf(request: IncomingMessage): number {
    return #id in request ? request.#id : ++lastRequest;
  }
}

export const http = defineSource({
  shapes: {
    // request, connection, remote, port, method, url, fd, forwarded for
    'http-server-request': ['uint64_t', 'uint64_t', 'char *', 'int', 'char *', 'char *', 'int', 'char *'],
    // connection, remote, port, fd, request, status
    'http-server-response': [...CONNECTION_TYPES, 'uint64_t', 'int'],
    // request, connection, host, port, method, path, fd
    'http-client-request': ['uint64_t', 'uint64_t', 'char *', 'int', 'char *', 'char *', 'int'],
    // connection, host, port, fd, request, status
    'http-client-response': [...CONNECTION_TYPES, 'uint64_t', 'int'],
  },
  start(probes) {
    const asked = probes['http-server-request'];
    const answered = probes['http-server-response'];
    bridgeMessages('http.server.request.start', asked, ({ request }: Exchange) => {
      const [connection, remote, port, fd] = connectionOf(request.socket);
      const { method = '', url = '' } = request;
      // Where nobody will ask for it, the id need not be kept.
      const id = answered.enabled ? RequestStamper.stamp(request) : ++lastRequest;
      asked.fire(id, connection, remote, port, method, url, fd, forwardedFor(request));
    });
    bridgeMessages('http.server.response.finish', answered, ({ request, response }: Exchange) => {
      const [id, remote, port, fd] = connectionOf(request.socket);
      answered.fire(id, remote, port, fd, RequestStamper.idOf(request), response.statusCode);
    });
    bridgeChannel('http.client.request.start', {
      probe: probes['http-client-request'],
      args: ({ request }: { request: ClientRequest }) => {
        const { method, path, socket } = request;
        const [host, port] = peerOf(request);
        return [
          clientRequestId(request),
          connectionId(socket),
          host,
          port,
          method,
          path,
          descriptorOf(socket),
        ];
      },
    });
    bridgeChannel('http.client.response.finish', {
      probe: probes['http-client-response'],
      args: ({ request, response }: ClientExchange) => {
        const { socket } = request;
        const [host, port] = peerOf(request);
        const status = response.statusCode ?? 0;
        return [connectionId(socket), host, port, descriptorOf(socket), clientRequestId(request), status];
      },
    });
  },
});

/** Not by `headers`: Node makes that object when it is first asked for, and most requests of a busy server go without. */
function forwardedFor({ rawHeaders }: IncomingMessage): string {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === FORWARDED_FOR.length && name.toLowerCase() === FORWARDED_FOR)
      return rawHeaders[index + 1]!;
  }
  return '';
}
