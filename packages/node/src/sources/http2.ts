/**
 * http2: since Node 22.
 * https://nodejs.org/api/diagnostics_channel.html#http2
 * @module
 */

import type { Http2Stream, IncomingHttpHeaders } from 'node:http2';
import { bridgeChannel } from '../bridge/channel.ts';
import type { NodeProbes } from '../provider.ts';
import { createIds } from '../stamp.ts';

interface StreamMessage {
  readonly stream: Http2Stream & { readonly sentHeaders?: IncomingHttpHeaders };
  readonly headers?: IncomingHttpHeaders;
  readonly error?: unknown;
}

const sessionId = createIds();

export function bridgeHttp2(probes: NodeProbes): void {
  for (const side of ['client', 'server'] as const) {
    bridgeChannel(`http2.${side}.stream.created`, {
      probe: probes[`http2-${side}-stream-created`],
      args: ({ stream, headers }: StreamMessage) => [
        ...streamOf(stream),
        String(headers?.[':method'] ?? ''),
        String(headers?.[':path'] ?? ''),
      ],
    });
    bridgeChannel(`http2.${side}.stream.start`, {
      probe: probes[`http2-${side}-stream-start`],
      args: ({ stream, headers }: StreamMessage) => [
        ...streamOf(stream),
        String(headers?.[':method'] ?? ''),
        String(headers?.[':path'] ?? ''),
      ],
    });
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
