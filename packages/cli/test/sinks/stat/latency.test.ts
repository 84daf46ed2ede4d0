import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Latency } from '../../../src/sinks/stat/latency.ts';
import { formatDuration, formatRate, sparkline } from '../../../src/units.ts';

test('quantiles are those of the sorted values, less than 1 % too high', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1e13 }), { minLength: 1, maxLength: 300 }),
      (durations) => {
        const latency = new Latency();
        for (const value of durations) latency.add(value);
        const { count, min, max, mean, p50, p90, p99, buckets } = latency.summary();
        const sorted = [...durations].sort((a, b) => a - b);
        assert.deepEqual([count, min, max], [sorted.length, sorted[0], sorted.at(-1)]);
        assert.ok(Math.abs(mean - durations.reduce((a, b) => a + b) / count) <= 1e-6 * max + 1e-6);
        for (const [percent, value] of [
          [50, p50],
          [90, p90],
          [99, p99],
        ] as const) {
          // HdrHistogram rounds to the nearest rank.
          const exact = sorted[Math.max(1, Math.floor((percent / 100) * count + 0.5)) - 1]!;
          assert.ok(value >= exact && value <= Math.max(1, exact * 1.01), `p${percent} ${value} of ${exact}`);
        }
        assert.equal(
          buckets.reduce((a, b) => a + b, 0),
          count,
        );
      },
    ),
  );
});

test('nothing measured, and clocks that went back', () => {
  const latency = new Latency();
  assert.deepEqual(latency.summary(), {
    count: 0,
    min: 0,
    mean: 0,
    p50: 0,
    p90: 0,
    p99: 0,
    max: 0,
    buckets: [],
  });
  latency.add(-7);
  assert.deepEqual([latency.summary().p50, latency.summary().max, latency.summary().buckets], [0, 0, [1]]);
});

test('durations in three digits', () => {
  const texts: [number, string][] = [
    [0, '0ns'],
    [7, '7ns'],
    [831, '831ns'],
    [999, '999ns'],
    [999.9, '1.00us'],
    [1024, '1.02us'],
    [12_345, '12.3us'],
    [999_499, '999us'],
    [999_999, '1.00ms'],
    [104_857_600, '105ms'],
    [2_000_000_000, '2s'],
    [61_500_000_000, '61.5s'],
    [3_600_000_000_000, '3600s'],
  ];
  for (const [value, text] of texts) assert.equal(formatDuration(value), text);
  assert.deepEqual([0, 0.5, 3.144, 99.96, 12345.6].map(formatRate), ['0', '0.50', '3.14', '100', '12346']);
});

test('sparklines', () => {
  assert.equal(sparkline([0, 1, 2, 4, 8]), ' ▂▃▅█');
  assert.equal(sparkline([]), '');
  assert.equal(sparkline([0, 0]), '  ');
});
