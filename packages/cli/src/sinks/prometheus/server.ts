/**
 * The HTTP server that Prometheus asks. https://prometheus.io/docs/instrumenting/exposition_formats/
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FailureError, systemCode } from '../../errors.ts';
import { shown } from '../../text.ts';
import { type Address, formatAddress } from './listen.ts';

export interface Served {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface MetricsServer {
  /** Where the metrics are. */
  readonly url: string;
  close(): void;
}

const PATH = '/metrics';

/** @throws FailureError when the address can't be had. */
export async function serveMetrics({ host, port }: Address, metrics: Served): Promise<MetricsServer> {
  const server = createServer((request, response) => void answer(request, response, metrics));
  await listen(server, port, host);
  const { address, family, port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${formatAddress(address, family, actual)}${PATH}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new FailureError(`can't listen on ${shown(host ?? '')}:${port}: ${words(systemCode(error), error)}`),
      );
    });
    server.listen(port, host, resolve);
  });
}

function words(code: string, error: Error): string {
  if (code === 'EADDRINUSE') return 'another program does (ss -ltnp shows which)';
  if (code === 'EACCES') return 'it takes root';
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have that address';
  return error.message;
}

async function answer(request: IncomingMessage, response: ServerResponse, metrics: Served): Promise<void> {
  const { method } = request;
  const path = (request.url ?? '/').split('?')[0];
  if (method !== 'GET' && method !== 'HEAD') {
    send(response, 405, 'text/plain; charset=utf-8', 'GET it\n', { allow: 'GET, HEAD' });
  } else if (path === PATH) {
    try {
      send(response, 200, metrics.contentType, await metrics.text());
    } catch (error) {
      send(response, 500, 'text/plain; charset=utf-8', `${String(error)}\n`);
    }
  } else if (path === '/') {
    const page = `<!doctype html><title>usdt export</title><a href="${PATH}">Metrics</a>\n`;
    send(response, 200, 'text/html; charset=utf-8', page);
  } else send(response, 404, 'text/plain; charset=utf-8', `the metrics are at ${PATH}\n`);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers });
  // To HEAD, Node sends the headers alone.
  response.end(body);
}
