/**
 * Argument types, and what becomes of values, where that is not what libusdt makes of them anyway.
 * https://github.com/chrisa/node-dtrace-provider/blob/master/src/dtrace_argument.cc
 */

import type { CTypeName } from 'libusdt';

/** Most arguments of a probe; types after these don't count (libusdt's USDT_ARG_MAX). */
const MAX_ARGUMENTS = 32;

/** `int` carries 64 bits, as it does in the original on 64-bit systems. */
export type ArgumentType = Extract<CTypeName, 'json' | 'char *' | 'int64_t'>;

/** Types are told by how they begin, as in the original; what is none of the three is a string. */
export function argumentTypes(types: readonly unknown[]): ArgumentType[] {
  return types.slice(0, MAX_ARGUMENTS).map((type) => {
    const name = String(type);
    if (name.startsWith('json')) return 'json';
    return name.startsWith('int') ? 'int64_t' : 'char *';
  });
}

/** As many values as the probe has arguments. */
export function argumentValues(types: readonly ArgumentType[], given: readonly unknown[]): unknown[] {
  return types.map((type, index) => (type === 'int64_t' ? clamp(given[index]) : given[index]));
}

const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;

/** A number that is too large is the largest that there is, as V8 converts it; C, and libusdt, would wrap it. */
function clamp(value: unknown): unknown {
  if (typeof value !== 'number' || !(Math.abs(value) >= 2 ** 63)) return value;
  return value < 0 ? LEAST : MOST;
}
