/**
 * What several sources say of a request that this program makes.
 */

import type { ClientRequest } from 'node:http';
import { createIds } from './stamp.ts';

export const clientRequestId = createIds();

/** Host and port that a request goes to, as the old probes had them: by name. */
export function peerOf(request: ClientRequest): [host: string, port: number] {
  const header = String(request.getHeader('host') ?? '');
  const named = Number(/:(\d+)$/.exec(header)?.[1] ?? 0);
  const usual = request.protocol === 'https:' ? 443 : 80;
  return [request.host ?? '', request.socket?.remotePort ?? (named || usual)];
}
