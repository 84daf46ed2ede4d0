/**
 * Subscribing to a diagnostics_channel makes its publisher work: so there is a subscriber only while somebody traces,
 * and what nobody traces costs publishers nothing.
 * https://nodejs.org/api/diagnostics_channel.html
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Probe } from 'libusdt';
import { watch } from './watch.ts';

/** A channel, and what is called with each of its messages. An error that leaves it ends the process. */
export type Subscription<Message> = readonly [channel: string, onMessage: (message: Message) => void];

export interface Subscriber {
  /** Whether it is subscribed at this moment. */
  readonly subscribed: boolean;
  /** Unsubscribes for good. */
  close(): void;
}

/** Subscribes to all channels while one of the probes is traced. */
export function subscribeWhileTraced<Message>(
  probes: readonly Probe<never>[],
  subscriptions: readonly Subscription<Message>[],
): Subscriber {
  // What a channel's messages are is known to those who subscribe; diagnostics_channel has no types for them.
  const listeners = subscriptions as readonly Subscription<unknown>[];
  let subscribed = false;
  const close = watch({
    probes,
    start() {
      for (const [name, onMessage] of listeners) subscribe(name, onMessage);
      subscribed = true;
    },
    stop() {
      for (const [name, onMessage] of listeners) unsubscribe(name, onMessage);
      subscribed = false;
    },
  });
  return {
    get subscribed() {
      return subscribed;
    },
    close,
  };
}
