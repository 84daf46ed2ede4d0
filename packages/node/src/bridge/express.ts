/**
 * The documented channel of express 5, which is that of its router (2.3 and later).
 * https://github.com/pillarjs/router#diagnostics
 */

import type { Bridge, BridgedProvider } from './channel.ts';
import { bridgeTracingChannel } from './tracing-channel.ts';

interface HandlerMessage {
  readonly req: { readonly method?: string; readonly originalUrl?: string; readonly url?: string };
  readonly res: { readonly statusCode?: number };
  /** The pattern that matched: a text, a regular expression, or an array of them. */
  readonly route?: unknown;
  readonly handler?: { readonly name?: string };
}

/**
 * Adds probes for every call of a middleware, a route's handler or a `param()` callback: `handler-start`, `handler-end`,
 * `handler-async-start`, `handler-async-end` and `handler-error`, which after the arguments that bridgeTracingChannel()
 * gives them have the request's method and URL, the route, the function's name and, as it stands, the status.
 * @param provider gets the probes; tracers see them after its next `enable()`.
 */
export function bridgeExpress(provider: BridgedProvider): Bridge {
  return bridgeTracingChannel('express.router.request', {
    provider,
    probe: 'handler',
    types: ['char *', 'char *', 'char *', 'char *', 'int'],
    args: ({ req, res, route, handler }: HandlerMessage) => [
      req.method ?? '',
      req.originalUrl ?? req.url ?? '',
      String(route ?? ''),
      handler?.name ?? '',
      res.statusCode ?? 0,
    ],
  });
}
