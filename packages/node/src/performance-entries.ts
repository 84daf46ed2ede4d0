/**
 * What Node tells through a PerformanceObserver, after the fact.
 * https://nodejs.org/api/perf_hooks.html
 */

import { type EntryType, type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks';
import type { Probe } from 'libusdt';
import { watch } from './bridge/watch.ts';

const NS_PER_MS = 1e6;

/** Has Node collect entries of one type while one of the probes is traced. */
export function observeEntries(
  type: EntryType,
  probes: readonly Probe<never>[],
  onEntry: (entry: PerformanceEntry) => void,
): void {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) onEntry(entry);
  });
  watch({
    probes,
    start: () => observer.observe({ entryTypes: [type] }),
    stop: () => observer.disconnect(),
  });
}

export function detailOf<Detail extends object>(entry: PerformanceEntry): Partial<Detail> {
  return (entry as { detail?: Detail }).detail ?? {};
}

/** Start by the clock of process.hrtime(), which is CLOCK_MONOTONIC, and duration; both in nanoseconds. */
export function timesOf({ startTime, duration }: PerformanceEntry): [start: bigint, duration: number] {
  const ago = BigInt(Math.round((performance.now() - startTime) * NS_PER_MS));
  return [process.hrtime.bigint() - ago, Math.round(duration * NS_PER_MS)];
}
