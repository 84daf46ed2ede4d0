/**
 * From a TracingChannel to five probes that can be told to belong together.
 * https://nodejs.org/api/diagnostics_channel.html#class-tracingchannel
 */

import type { ArgumentsOf, CTypeName, Probe } from 'libusdt';
import { type Bridge, type BridgedProvider, openBridge } from './channel.ts';

/**
 * The parts of a TracingChannel, by the names of its channels: how their probes' names end, and the arguments that these
 * have before those of the user.
 */
const EVENTS = {
  start: { suffix: 'start', types: ['uint64_t'] },
  end: { suffix: 'end', types: ['uint64_t', 'uint64_t'] },
  asyncStart: { suffix: 'async-start', types: ['uint64_t', 'uint64_t'] },
  asyncEnd: { suffix: 'async-end', types: ['uint64_t', 'uint64_t'] },
  error: { suffix: 'error', types: ['uint64_t', 'uint64_t', 'char *'] },
} as const satisfies Record<string, { readonly suffix: string; readonly types: readonly CTypeName[] }>;

export type TracingEvent = keyof typeof EVENTS;

const TRACING_EVENTS = Object.keys(EVENTS) as readonly TracingEvent[];

/** What is read from the messages of a TracingChannel. */
export interface TracingMessages<Types extends readonly CTypeName[], Message> {
  /** The values of the user's arguments; called while somebody traces. What it throws is counted in the provider's `failures`. */
  readonly args?: (message: Message, event: TracingEvent) => ArgumentsOf<Types>;
  /**
   * The object by which the events of one span are known to belong together. Default: the message, which
   * `traceSync()` and its kin give to all five. For publishers that make a new message for each. What it throws is
   * counted, too.
   */
  readonly operation?: (message: Message) => object;
}

export interface TracingOptions<Types extends readonly CTypeName[], Message>
  extends TracingMessages<Types, Message> {
  readonly provider: BridgedProvider;
  /** What the probes' names begin with: `query` gives `query-start`, `query-end`, `query-async-start` ... */
  readonly probe: string;
  /** C types of the arguments that all probes have after their own. Default: none. */
  readonly types?: Types;
}

/** The five probes of a TracingChannel. */
export type TracingShapes<Name extends string, Types extends readonly CTypeName[]> = {
  readonly [Event in TracingEvent as ProbeName<Name, Event>]: readonly [
    ...(typeof EVENTS)[Event]['types'],
    ...Types,
  ];
};

type ProbeName<
  Name extends string,
  Event extends TracingEvent,
> = `${Name}-${(typeof EVENTS)[Event]['suffix']}`;

/** From the start of an operation to its end, told by an object that all its events share. */
interface Span {
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
 * `id` is the same for all events of one span, and unique in the thread; `ns` are the nanoseconds since its start,
 * 0 if it had started before somebody traced. Subscribes to all five while one of the probes is traced.
 * @param name as given to `tracingChannel()`: without `tracing:`.
 * @throws UsdtError as `provider.addProbe` does.
 */
export function bridgeTracingChannel<const Types extends readonly CTypeName[] = [], Message = unknown>(
  name: string,
  options: TracingOptions<Types, Message>,
): Bridge {
  const { provider } = options;
  const added: Probe<never>[] = [];
  const add = (event: TracingEvent): Probe<never> => {
    const probe = provider.addProbe(probeName(options.probe, event), shapeOf(event, options.types ?? []));
    added.push(probe);
    return probe;
  };
  return bridgeTracingProbes(name, add, options, () => {
    for (const probe of added) provider.removeProbe(probe);
  });
}

/**
 * As bridgeTracingChannel(), for probes that are there already.
 * @param probeOf the probe of an event; called once for each.
 */
export function bridgeTracingProbes<Types extends readonly CTypeName[], Message>(
  name: string,
  probeOf: (event: TracingEvent) => Probe<never>,
  options: TracingMessages<Types, Message>,
  removeProbes = (): void => {},
): Bridge {
  const { args, operation: keyOf = (message: Message): unknown => message } = options;
  const spans = new WeakMap<object, Span>();

  const bridges = TRACING_EVENTS.map((event) => {
    const probe = probeOf(event) as Probe<readonly unknown[]>;
    const onMessage = (message: Message): void => {
      let span: Span | undefined;
      try {
        span = spanOf(spans, keyOf(message), event);
      } catch {
        // Counted below, if the probe is traced: an error that leaves a subscriber ends the process.
      }
      probe.fireLazy(() => {
        if (!span) throw new Error('operation() has thrown');
        const { id, started } = span;
        const own: unknown[] = [id];
        if (event !== 'start') own.push(started === undefined ? 0 : process.hrtime.bigint() - started);
        if (event === 'error') own.push((message as { error?: unknown }).error);
        return args ? [...own, ...args(message, event)] : own;
      });
    };
    return { probe, subscription: [`tracing:${name}:${event}`, onMessage] as const };
  });

  const probes = bridges.map(({ probe }) => probe);
  const subscriptions = bridges.map(({ subscription }) => subscription);
  return openBridge(name, probes, subscriptions, removeProbes);
}

/** The shapes of the probes that bridgeTracingProbes() is given. */
export function tracingShapes<const Name extends string, const Types extends readonly CTypeName[]>(
  probe: Name,
  types: Types,
): TracingShapes<Name, Types> {
  const shapes = TRACING_EVENTS.map((event) => [probeName(probe, event), shapeOf(event, types)]);
  return Object.fromEntries(shapes) as TracingShapes<Name, Types>;
}

export function probeName<Name extends string, Event extends TracingEvent>(
  probe: Name,
  event: Event,
): ProbeName<Name, Event> {
  return `${probe}-${EVENTS[event].suffix}`;
}

function shapeOf(event: TracingEvent, types: readonly CTypeName[]): readonly CTypeName[] {
  return [...EVENTS[event].types, ...types];
}

function spanOf(spans: WeakMap<object, Span>, key: unknown, event: TracingEvent): Span {
  const isKey = typeof key === 'object' && key !== null;
  const known = isKey && event !== 'start' ? spans.get(key) : undefined;
  if (known) return known;
  const span = { id: ++lastId, started: event === 'start' ? process.hrtime.bigint() : undefined };
  if (isKey) spans.set(key, span);
  return span;
}
