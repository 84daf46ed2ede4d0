/**
 * Redis clients that publish what they do: ioredis since 5.11, and node-redis (`redis`, `@redis/client`), which
 * give their channels the same messages. Both put `?` for values that may be secret before anybody sees them.
 * https://github.com/redis/ioredis#diagnostics-channel
 * https://github.com/redis/node-redis/pull/3195
 */

import type { Bridge, BridgedProvider } from './channel.ts';
import { bridgeTracingChannel } from './tracing-channel.ts';

interface Server {
  readonly serverAddress?: string;
  readonly serverPort?: number;
}

interface CommandMessage extends Server {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly database?: number;
}

interface BatchMessage extends Server {
  readonly batchMode?: string;
  readonly batchSize?: number;
  readonly database?: number;
}

/**
 * Adds probes for what ioredis does: `command-start` ... with command, arguments, database, host and port, `batch-...`
 * with kind, number of commands, database, host and port, and `connect-...` with host and port; each after what
 * bridgeTracingChannel() gives them.
 * @param provider gets the probes; tracers see them after its next `enable()`.
 */
export function bridgeIoredis(provider: BridgedProvider): readonly Bridge[] {
  return bridgeClient(provider, 'ioredis');
}

/** Adds the same probes as bridgeIoredis(), for what node-redis does. */
export function bridgeRedis(provider: BridgedProvider): readonly Bridge[] {
  return bridgeClient(provider, 'node-redis');
}

function bridgeClient(provider: BridgedProvider, client: string): readonly Bridge[] {
  return [
    bridgeTracingChannel(`${client}:command`, {
      provider,
      probe: 'command',
      types: ['char *', 'json', 'int', 'char *', 'int'],
      args: ({ command, args, database, ...server }: CommandMessage) => [
        command ?? '',
        args ?? [],
        database ?? 0,
        ...addressOf(server),
      ],
    }),
    bridgeTracingChannel(`${client}:batch`, {
      provider,
      probe: 'batch',
      types: ['char *', 'int', 'int', 'char *', 'int'],
      args: ({ batchMode, batchSize, database, ...server }: BatchMessage) => [
        batchMode ?? '',
        batchSize ?? 0,
        database ?? 0,
        ...addressOf(server),
      ],
    }),
    bridgeTracingChannel(`${client}:connect`, {
      provider,
      probe: 'connect',
      types: ['char *', 'int'],
      args: addressOf,
    }),
  ];
}

function addressOf({ serverAddress, serverPort }: Server): [host: string, port: number] {
  return [serverAddress ?? '', serverPort ?? 0];
}
