/**
 * From a TracingChannel to five probes that can be told to belong together.
 * https://nodejs.org/api/diagnostics_channel.html#class-tracingchannel
 * @module
 */

import type { ArgumentsOf, CTypeName, Probe, Provider } from 'libusdt';
import { type Bridge, openBridge } from './channel.ts';

/** The parts of a TracingChannel: names of its channels, and of the probes. */
export const TRACING_EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
export type TracingEvent = (typeof TRACING_EVENTS)[number];

export interface TracingOptions<Types extends readonly CTypeName[], Message> {
  readonly provider: Provider;
  /** What the probes' names begin with: `query` gives `query-start`, `query-end`, `query-async-start` ... */
  readonly probe: string;
  /** C types of the arguments that all probes have after their own. Default: none. */
  readonly types?: Types;
  /** The values for these; called while somebody traces. What it throws is counted in the provider's `failures`. */
  readonly args?: (message: Message, event: TracingEvent) => ArgumentsOf<Types>;
  /**
   * The object by which the events of one operation are known to belong together. Default: the message, which
   * `traceSync()` and its kin give to all five. For publishers that make a new message for each. What it throws is
   * counted, too.
   */
  readonly operation?: (message: Message) => object;
}

/** Arguments of each probe before those of the user. */
const OWN_TYPES = {
  start: ['uint64_t'],
  end: ['uint64_t', 'uint64_t'],
  asyncStart: ['uint64_t', 'uint64_t'],
  asyncEnd: ['uint64_t', 'uint64_t'],
  error: ['uint64_t', 'uint64_t', 'char *'],
} as const satisfies Record<TracingEvent, readonly CTypeName[]>;

/** One operation, told by an object that all its events share. */
interface Operation {
  readonly id: number;
  /** process.hrtime.bigint() at its start, or undefined if that was before somebody traced. */
  readonly started: bigint | undefined;
}

let lastId = 0;

/**
 * Fires a probe for each event of a TracingChannel:
 *
 * - `PROBE-start(id, ...)`
 * - `PROBE-end(id, ns, ...)`: the function returned, or threw
 * - `PROBE-async-start(id, ns, ...)`: its promise settled, or its callback is about to be called
 * - `PROBE-async-end(id, ns, ...)`: the callback returned
 * - `PROBE-error(id, ns, message, ...)`
 *
 * `id` is the same for all events of one operation, and unique in the thread; `ns` are the nanoseconds since its start,
 * 0 if it had started before somebody traced. Subscribes to all five while one of the probes is traced.
 * @param name as given to `tracingChannel()`: without `tracing:`.
 * @throws UsdtError as `provider.addProbe` does.
 */
export function bridgeTracingChannel<const Types extends readonly CTypeName[] = [], Message = unknown>(
  name: string,
  options: TracingOptions<Types, Message>,
): Bridge {
  const { provider, args } = options;
  const operations = new WeakMap<object, Operation>();
  const keyOf = (options.operation ?? ((message) => message)) as (message: unknown) => unknown;
  const valuesOf = args as ((message: unknown, event: TracingEvent) => readonly unknown[]) | undefined;

  const bridges = TRACING_EVENTS.map((event) => {
    const shape: readonly CTypeName[] = [...OWN_TYPES[event], ...(options.types ?? [])];
    const probe = provider.addProbe(`${options.probe}-${kebab(event)}`, shape) as Probe<unknown[]>;
    const onMessage = (message: unknown): void => {
      let operation: Operation | undefined;
      try {
        operation = operationOf(operations, keyOf(message), event);
      } catch {
        // Counted below, if the probe is traced: an error that leaves a subscriber ends the process.
      }
      probe.fireLazy(() => {
        if (!operation) throw new Error('operation() has thrown');
        const { id, started } = operation;
        const own: unknown[] = [id];
        if (event !== 'start') own.push(started === undefined ? 0 : process.hrtime.bigint() - started);
        if (event === 'error') own.push((message as { error?: unknown }).error);
        return valuesOf ? [...own, ...valuesOf(message, event)] : own;
      });
    };
    return { probe, subscription: [`tracing:${name}:${event}`, onMessage] as const };
  });

  const probes = bridges.map(({ probe }) => probe);
  const subscriptions = bridges.map(({ subscription }) => subscription);
  return openBridge(name, probes, subscriptions, () => {
    for (const probe of probes) provider.removeProbe(probe);
  });
}

function operationOf(operations: WeakMap<object, Operation>, key: unknown, event: TracingEvent): Operation {
  const isKey = typeof key === 'object' && key !== null;
  const known = isKey && event !== 'start' ? operations.get(key) : undefined;
  if (known) return known;
  const operation = { id: ++lastId, started: event === 'start' ? process.hrtime.bigint() : undefined };
  if (isKey) operations.set(key, operation);
  return operation;
}

function kebab(event: TracingEvent): string {
  return event.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
