/**
 * mysql2's channels, since its version 3.20.
 * https://github.com/sidorares/node-mysql2/pull/4178
 */

import type { Bridge, BridgedProvider } from './channel.ts';
import { bridgeTracingChannel } from './tracing-channel.ts';

interface Message {
  readonly query?: string;
  readonly database?: string;
  readonly user?: string;
  readonly serverAddress?: string;
  readonly serverPort?: number;
}

/**
 * Adds probes for what mysql2 does: `query-start` ... and `execute-...` with statement, database, host and port,
 * `connect-...` with user, database, host and port, and `pool-connect-...` with database, host and port; each after what
 * bridgeTracingChannel() gives them. The values of an `execute()` are not there; `query()` has put them into its statement.
 * @param provider gets the probes; tracers see them after its next `enable()`.
 */
export function bridgeMysql2(provider: BridgedProvider): readonly Bridge[] {
  const place = ({ database, serverAddress, serverPort }: Message): [string, string, number] => [
    database ?? '',
    serverAddress ?? '',
    serverPort ?? 0,
  ];
  return [
    ...(['query', 'execute'] as const).map((probe) =>
      bridgeTracingChannel(`mysql2:${probe}`, {
        provider,
        probe,
        types: ['char *', 'char *', 'char *', 'int'],
        args: (message: Message) => [message.query ?? '', ...place(message)],
      }),
    ),
    bridgeTracingChannel('mysql2:connect', {
      provider,
      probe: 'connect',
      types: ['char *', 'char *', 'char *', 'int'],
      args: (message: Message) => [message.user ?? '', ...place(message)],
    }),
    bridgeTracingChannel('mysql2:pool:connect', {
      provider,
      probe: 'pool-connect',
      types: ['char *', 'char *', 'int'],
      args: place,
    }),
  ];
}
