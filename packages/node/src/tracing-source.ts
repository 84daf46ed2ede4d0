/**
 * Sources that are a TracingChannel.
 */

import type { CTypeName, Probe } from 'libusdt';
import {
  bridgeTracingProbes,
  probeName,
  type TracingMessages,
  type TracingShapes,
  tracingShapes,
} from './bridge/tracing-channel.ts';
import type { Source } from './source.ts';

export interface TracingSourceOptions<Name extends string, Types extends readonly CTypeName[], Message>
  extends TracingMessages<Types, Message> {
  /** What the probes' names begin with. */
  readonly probe: Name;
  /** C types of the arguments that all probes have after their own. */
  readonly types: Types;
}

/**
 * The five probes of a TracingChannel, as bridgeTracingChannel() has them.
 * @param channel as given to `tracingChannel()`: without `tracing:`.
 */
export function tracingSource<
  const Name extends string,
  const Types extends readonly CTypeName[],
  Message = unknown,
>(channel: string, options: TracingSourceOptions<Name, Types, Message>): Source<TracingShapes<Name, Types>> {
  return {
    shapes: tracingShapes(options.probe, options.types),
    start(probes: Readonly<Record<string, Probe<never>>>) {
      bridgeTracingProbes(channel, (event) => probes[probeName(options.probe, event)]!, options);
    },
  };
}
