/**
 * NODE_DTRACE_PROVIDER_REQUIRE=hard: for those who would rather have no program than one that can't be traced.
 * The original throws from `require()` what kept it from loading its compiled part. Here there is no such part, so it
 * is what keeps this machine from tracing: the same error, at the same place.
 */

import { createProvider } from 'libusdt';

export function isHard(): boolean {
  return process.env.NODE_DTRACE_PROVIDER_REQUIRE === 'hard';
}

/** @throws UsdtError USDT_UNAVAILABLE, with the reason, if probes can't be made visible here. */
export function assertTraceable(): void {
  const provider = createProvider('dtrace-provider-check', { probes: { loaded: [] } });
  provider.enable({ strict: true });
  provider.free();
}
