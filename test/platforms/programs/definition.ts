/**
 * The provider of the test of platforms, and what it fires.
 */

const MANY = Array.from({ length: 32 }, () => 'int32_t' as const);

export const PROVIDER = 'webapp';
export const MODULE = 'server';
export const PROBES = {
  none: [],
  'request-start': ['uint32_t', 'char *', 'json'],
  'request-done': {
    function: 'handle',
    args: ['int64_t', 'long', 'double', 'uint8_t', 'char *', 'uint64_t'],
  },
  many: MANY,
} as const;

export const VALUES: Readonly<Record<keyof typeof PROBES, readonly unknown[]>> = {
  none: [],
  'request-start': [4_294_967_295, 'grüße', { a: 1 }],
  'request-done': [-(2n ** 62n) - 5n, -7, 0.25, 250, 'text', 2n ** 63n + 9n],
  many: MANY.map((_, index) => 100 + index),
};
