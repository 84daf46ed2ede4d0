/**
 * From a diagnostics_channel to a probe.
 * https://nodejs.org/api/diagnostics_channel.html
 */

import type { ArgumentsOf, CTypeName, Probe, Provider } from 'libusdt';
import { type Subscription, subscribeWhileTraced } from './subscribe.ts';

/** A provider, whatever probes it was created with: a bridge adds its own. */
export type BridgedProvider = Pick<Provider, 'addProbe' | 'removeProbe'>;

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
  readonly provider: BridgedProvider;
  /** The probe's name. */
  readonly probe: string;
  /** C types of its arguments. */
  readonly types: Types;
  /** The probe's values for a message, as `ExistingProbe` has them. */
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
  if (!isNew(options)) {
    const { probe, args } = options;
    return bridgeMessages(name, probe, (message) => probe.fire(...args(message)));
  }
  const { provider, types, args } = options;
  const probe = provider.addProbe(options.probe, types);
  return bridgeMessages(
    name,
    probe,
    (message) => probe.fire(...args(message)),
    () => provider.removeProbe(probe),
  );
}

function isNew(options: { readonly probe: unknown }): options is NewProbe<readonly CTypeName[], unknown> {
  return typeof options.probe === 'string';
}

/**
 * As bridgeChannel() for a probe that is there, where `fire` itself gives the probe its values: for channels on which a busy server publishes each
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

/**
 * Subscribes while one of the probes is traced.
 * @param channel the name that the bridge says it has.
 * @param removeProbes called once, when the bridge is closed.
 */
export function openBridge<Message>(
  channel: string,
  probes: readonly Probe<never>[],
  subscriptions: readonly Subscription<Message>[],
  removeProbes: () => void,
): Bridge {
  const subscriber = subscribeWhileTraced(probes, subscriptions);
  let closed = false;
  return {
    channel,
    probes,
    get subscribed() {
      return subscriber.subscribed;
    },
    close() {
      if (closed) return;
      closed = true;
      subscriber.close();
      removeProbes();
    },
  };
}
