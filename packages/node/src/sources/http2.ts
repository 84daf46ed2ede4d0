/**
 * http2: since Node 22.
 * https://nodejs.org/api/diagnostics_channel.html#http2
 */

import type { Http2Stream, IncomingHttpHeaders } from 'node:http2';
import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';
import { createIds } from '../stamp.ts';

interface StreamMessage {
  readonly stream: Http2Stream & { readonly sentHeaders?: IncomingHttpHeaders };
  readonly headers?: IncomingHttpHeaders;
  readonly error?: unknown;
}

interface ChunkMessage extends StreamMessage {
  /** A chunk, or what a stream's writev() is given. */
  readonly data: string | Uint8Array | readonly BufferedWrite[];
  readonly encoding: string;
}

interface BufferedWrite {
  readonly chunk: string | Uint8Array;
  readonly encoding: string;
}

const sessionId = createIds();

export const http2 = defineSource({
  shapes: {
    // stream, session, method, path
    'http2-client-stream-created': ['int', 'uint64_t', 'char *', 'char *'],
    'http2-client-stream-start': ['int', 'uint64_t', 'char *', 'char *'],
    // stream, session, status
    'http2-client-stream-finish': ['int', 'uint64_t', 'int'],
    // stream, session, error
    'http2-client-stream-error': ['int', 'uint64_t', 'char *'],
    // stream, session, reset code
    'http2-client-stream-close': ['int', 'uint64_t', 'int'],
    // stream, session, bytes
    'http2-client-stream-body-chunk-sent': ['int', 'uint64_t', 'uint64_t'],
    // stream, session
    'http2-client-stream-body-sent': ['int', 'uint64_t'],
    // As the client's.
    'http2-server-stream-created': ['int', 'uint64_t', 'char *', 'char *'],
    'http2-server-stream-start': ['int', 'uint64_t', 'char *', 'char *'],
    'http2-server-stream-finish': ['int', 'uint64_t', 'int'],
    'http2-server-stream-error': ['int', 'uint64_t', 'char *'],
    'http2-server-stream-close': ['int', 'uint64_t', 'int'],
  },
  start(probes) {
    for (const side of ['client', 'server'] as const) {
      for (const event of ['created', 'start'] as const) {
        bridgeChannel(`http2.${side}.stream.${event}`, {
          probe: probes[`http2-${side}-stream-${event}`],
          args: ({ stream, headers }: StreamMessage) => [
            ...streamOf(stream),
            String(headers?.[':method'] ?? ''),
            String(headers?.[':path'] ?? ''),
          ],
        });
      }
      bridgeChannel(`http2.${side}.stream.finish`, {
        probe: probes[`http2-${side}-stream-finish`],
        args: ({ stream, headers }: StreamMessage) => [
          ...streamOf(stream),
          Number((headers ?? stream.sentHeaders)?.[':status'] ?? 0),
        ],
      });
      bridgeChannel(`http2.${side}.stream.error`, {
        probe: probes[`http2-${side}-stream-error`],
        args: ({ stream, error }: StreamMessage) => [...streamOf(stream), String(error)],
      });
      bridgeChannel(`http2.${side}.stream.close`, {
        probe: probes[`http2-${side}-stream-close`],
        args: ({ stream }: StreamMessage) => [...streamOf(stream), stream.rstCode ?? 0],
      });
    }
    bridgeChannel('http2.client.stream.bodyChunkSent', {
      probe: probes['http2-client-stream-body-chunk-sent'],
      args: ({ stream, data, encoding }: ChunkMessage) => [...streamOf(stream), sizeOf(data, encoding)],
    });
    bridgeChannel('http2.client.stream.bodySent', {
      probe: probes['http2-client-stream-body-sent'],
      args: ({ stream }: StreamMessage) => streamOf(stream),
    });
  },
});

/** In bytes. */
function sizeOf(data: ChunkMessage['data'], encoding: string): number {
  if (typeof data === 'string') return Buffer.byteLength(data, encoding as BufferEncoding);
  if (data instanceof Uint8Array) return data.byteLength;
  return data.reduce((sum, { chunk, encoding }) => sum + sizeOf(chunk, encoding), 0);
}

/** stream, session */
function streamOf(stream: Http2Stream): [number, number] {
  return [stream.id ?? 0, sessionId(stream.session)];
}
