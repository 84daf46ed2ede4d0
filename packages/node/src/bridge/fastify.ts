/**
 * fastify's documented channels.
 * https://fastify.dev/docs/latest/Reference/Hooks/#diagnostics-channel-hooks
 */

import type { Bridge, BridgedProvider } from './channel.ts';
import { bridgeTracingChannel } from './tracing-channel.ts';

interface HandlerMessage {
  readonly request: { readonly id?: unknown };
  readonly reply: { readonly statusCode?: number };
  readonly route: { readonly url?: string; readonly method?: string };
}

/**
 * Adds probes for every call of a route's handler: `handler-start`, `handler-end`, `handler-async-start`,
 * `handler-async-end` and `handler-error`, which after the arguments that bridgeTracingChannel() gives them have the
 * request's id, method, route and, as it stands, the status.
 * @param provider gets the probes; tracers see them after its next `enable()`.
 */
export function bridgeFastify(provider: BridgedProvider): Bridge {
  return bridgeTracingChannel('fastify.request.handler', {
    provider,
    probe: 'handler',
    types: ['char *', 'char *', 'char *', 'int'],
    args: ({ request, reply, route }: HandlerMessage) => [
      String(request.id ?? ''),
      route.method ?? '',
      route.url ?? '',
      reply.statusCode ?? 0,
    ],
  });
}
