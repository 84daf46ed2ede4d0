/**
 * The WebSocket client, which is undici's. It is a global since Node 22.
 * https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
 */

import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';
import { createIds } from '../stamp.ts';

interface OpenMessage {
  readonly address?: { readonly address?: string; readonly port?: number };
  readonly protocol?: string | null;
  readonly extensions?: string | null;
  /** Since Node 24, as in pings and pongs. */
  readonly websocket?: object;
}

interface CloseMessage {
  readonly websocket?: object;
  readonly code?: number;
  readonly reason?: string;
}

interface PingMessage {
  readonly payload?: Uint8Array;
  readonly websocket?: object;
}

const websocketId = createIds();

export const webSocket = defineSource({
  shapes: {
    // websocket, address, port, protocol, extensions
    'undici-websocket-open': ['uint64_t', 'char *', 'int', 'char *', 'char *'],
    // websocket, code, reason
    'undici-websocket-close': ['uint64_t', 'int', 'char *'],
    // websocket, bytes
    'undici-websocket-ping': ['uint64_t', 'uint64_t'],
    'undici-websocket-pong': ['uint64_t', 'uint64_t'],
    // error
    'undici-websocket-socket-error': ['char *'],
  },
  start(probes) {
    bridgeChannel('undici:websocket:open', {
      probe: probes['undici-websocket-open'],
      args: ({ address, protocol, extensions, websocket }: OpenMessage) => [
        websocketId(websocket),
        address?.address ?? '',
        address?.port ?? 0,
        protocol ?? '',
        extensions ?? '',
      ],
    });
    bridgeChannel('undici:websocket:close', {
      probe: probes['undici-websocket-close'],
      args: ({ websocket, code, reason }: CloseMessage) => [websocketId(websocket), code ?? 0, reason ?? ''],
    });
    for (const event of ['ping', 'pong'] as const) {
      bridgeChannel(`undici:websocket:${event}`, {
        probe: probes[`undici-websocket-${event}`],
        args: ({ payload, websocket }: PingMessage) => [websocketId(websocket), payload?.byteLength ?? 0],
      });
    }
    bridgeChannel('undici:websocket:socket_error', {
      probe: probes['undici-websocket-socket-error'],
      args: (error: unknown) => [String(error)],
    });
  },
});
