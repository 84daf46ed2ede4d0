/**
 * GraphQL.js' channels, since its version 17.
 * https://github.com/graphql/graphql-js/blob/v17.1.0/src/diagnostics.ts
 */

import type { Bridge, BridgedProvider } from './channel.ts';
import { bridgeTracingChannel } from './tracing-channel.ts';

interface ParseMessage {
  readonly source?: string | { readonly body?: string };
}

interface ValidateMessage {
  /** At the end: what is wrong. */
  readonly result?: readonly unknown[];
}

interface OperationMessage {
  readonly operationType?: string;
  readonly operationName?: string;
  /** At the end. */
  readonly result?: { readonly errors?: readonly unknown[] };
}

interface ResolveMessage {
  readonly parentType?: string;
  readonly fieldName?: string;
  readonly fieldType?: string;
  readonly fieldPath?: string;
}

/**
 * Adds probes for what GraphQL.js does: `parse-start` ... with the text, `validate-...` with the number of errors,
 * `execute-...` and `subscribe-...` with type and name of the operation and the number of errors, and `resolve-...` with
 * parent type, field, its type and path; each after what bridgeTracingChannel() gives them. Numbers of errors are 0 until
 * they are known. Each field that is resolved is an event, also of resolvers that nobody wrote.
 * @param provider gets the probes; tracers see them after its next `enable()`.
 */
export function bridgeGraphql(provider: BridgedProvider): readonly Bridge[] {
  return [
    bridgeTracingChannel('graphql:parse', {
      provider,
      probe: 'parse',
      types: ['char *'],
      args: ({ source }: ParseMessage) => [(typeof source === 'string' ? source : source?.body) ?? ''],
    }),
    bridgeTracingChannel('graphql:validate', {
      provider,
      probe: 'validate',
      types: ['int'],
      args: ({ result }: ValidateMessage) => [result?.length ?? 0],
    }),
    ...(['execute', 'subscribe'] as const).map((probe) =>
      bridgeTracingChannel(`graphql:${probe}`, {
        provider,
        probe,
        types: ['char *', 'char *', 'int'],
        args: ({ operationType, operationName, result }: OperationMessage) => [
          operationType ?? '',
          operationName ?? '',
          result?.errors?.length ?? 0,
        ],
      }),
    ),
    bridgeTracingChannel('graphql:resolve', {
      provider,
      probe: 'resolve',
      types: ['char *', 'char *', 'char *', 'char *'],
      args: ({ parentType, fieldName, fieldType, fieldPath }: ResolveMessage) => [
        parentType ?? '',
        fieldName ?? '',
        fieldType ?? '',
        fieldPath ?? '',
      ],
    }),
  ];
}
