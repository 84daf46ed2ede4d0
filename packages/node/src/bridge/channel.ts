/**
 * From a diagnostics_channel to a probe. A channel with a subscriber makes its publisher work, so there is one only
 * while somebody traces: a bridge that nobody traces costs publishers nothing.
 * https://nodejs.org/api/diagnostics_channel.html
 * @module
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ArgumentsOf, CTypeName, Probe, Provider } from 'libusdt';
import { watch } from './watch.ts';

/** A probe that is there already. */
export interface ExistingProbe<Args extends readonly unknown[], Message> {
  readonly probe: Probe<Args>;
  /**
   * The probe's values for a message; called while somebody traces. What it throws is counted in the `failures` of the
   * provider's status, and goes nowhere else: the publisher never notices.
   */
  readonly args: (message: Message) => Args;
}

/** A probe that the bridge adds to a provider. Tracers see it after the provider's next `enable()`. */
export interface NewProbe<Types extends readonly CTypeName[], Message> {
  readonly provider: Provider;
  /** The probe's name. */
  readonly probe: string;
  /** C types of its arguments. */
  readonly types: Types;
  /** As above. */
  readonly args: (message: Message) => ArgumentsOf<Types>;
}

export interface Bridge {
  /** Name of the channel. */
  readonly channel: string;
  readonly probes: readonly Probe<never>[];
  /** Whether the channel has the bridge for a subscriber at this moment. */
  readonly subscribed: boolean;
  /** Unsubscribes for good, and removes the probes that the bridge has added. */
  close(): void;
}

/**
 * Fires a probe for each message of a channel. Subscribes while somebody traces the probe.
 * @param name the channel's name; it need not exist yet.
 * @throws UsdtError as `provider.addProbe` does.
 */
export function bridgeChannel<Args extends readonly unknown[] | [], Message = unknown>(
  name: string,
  options: ExistingProbe<Args, Message>,
): Bridge;
export function bridgeChannel<const Types extends readonly CTypeName[], Message = unknown>(
  name: string,
  options: NewProbe<Types, Message>,
): Bridge;
export function bridgeChannel(
  name: string,
  options: ExistingProbe<unknown[], unknown> | NewProbe<readonly CTypeName[], unknown>,
): Bridge {
  const { args } = options;
  const given = options.probe;
  const provider = 'provider' in options ? options.provider : undefined;
  const probe = (typeof given === 'string' ? provider!.addProbe(given, types(options)) : given) as Probe<
    unknown[]
  >;
  return bridgeMessages(
    name,
    probe,
    (message) => probe.fire(...(args(message) as unknown[])),
    () => {
      if (typeof given === 'string') provider!.removeProbe(probe);
    },
  );
}

/**
 * The same, where `fire` itself gives the probe its values: for channels on which a busy server publishes each
 * request. The array for each message is a third of what one costs there, without the trap.
 * @param fire called while somebody traces; what it throws is contained and counted.
 */
export function bridgeMessages<Message>(
  name: string,
  probe: Probe<never>,
  fire: (message: Message) => void,
  removeProbe = (): void => {},
): Bridge {
  const onMessage = (message: unknown): void => {
    try {
      if (probe.enabled) fire(message as Message);
    } catch (error) {
      countFailure(probe, error);
    }
  };
  return openBridge(name, [probe], [[name, onMessage]], removeProbe);
}

/** `fireLazy` alone would do all that its caller does; a function for each message makes it slower by a fifth. */
function countFailure(probe: Probe<never>, error: unknown): void {
  probe.fireLazy(() => {
    throw error;
  });
}

function types(options: object): readonly CTypeName[] {
  return (options as NewProbe<readonly CTypeName[], unknown>).types;
}

type Subscription = readonly [channel: string, onMessage: (message: unknown) => void];

/** Subscribes to all while one of the probes is traced. */
export function openBridge(
  channel: string,
  probes: readonly Probe<never>[],
  subscriptions: readonly Subscription[],
  removeProbes: () => void,
): Bridge {
  let subscribed = false;
  let closed = false;
  const unwatch = watch({
    probes,
    start() {
      for (const [name, onMessage] of subscriptions) subscribe(name, onMessage);
      subscribed = true;
    },
    stop() {
      for (const [name, onMessage] of subscriptions) unsubscribe(name, onMessage);
      subscribed = false;
    },
  });
  return {
    channel,
    probes,
    get subscribed() {
      return subscribed;
    },
    close() {
      if (closed) return;
      closed = true;
      unwatch();
      removeProbes();
    },
  };
}
