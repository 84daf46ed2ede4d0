/**
 * Every platform without a file of its own: the API is all there, nothing happens, and the status says why.
 */

import type { Problem } from '../runtime/reasons.ts';

export function openNoop(): Problem {
  const platform = globalThis.process?.platform ?? 'this platform';
  return {
    path: '',
    reason: 'platform-not-supported',
    detail: `libusdt can't make probes visible on ${platform}: they stay silent and cost nothing. There is nothing to do.`,
  };
}
