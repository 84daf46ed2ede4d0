/**
 * What Node tells through perf_hooks: garbage collection and DNS, after the fact, and the event loop's delay.
 * https://nodejs.org/api/perf_hooks.html
 * @module
 */

import {
  type EntryType,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { threadId } from 'node:worker_threads';
import { type Watched, watch } from '../bridge/watch.ts';
import type { NodeProbes } from '../provider.ts';

const NS = 1e6;

/** Milliseconds between two `event-loop-delay` events. */
const DELAY_INTERVAL = 1000;
/** Milliseconds between two samples. */
const DELAY_RESOLUTION = 10;

export function watchPerformance(probes: NodeProbes): void {
  const { 'gc-start': gcStart, 'gc-done': gcDone, 'dns-done': dnsDone } = probes;
  watch({
    probes: [gcStart, gcDone],
    ...observer('gc', (entry) => {
      const { kind = 0, flags = 0 } = detailOf<{ kind?: number; flags?: number }>(entry);
      const [start, duration] = timesOf(entry);
      gcStart.fire(kind, flags, threadId, start, duration);
      gcDone.fire(kind, flags, threadId, start, duration);
    }),
  });
  watch({
    probes: [dnsDone],
    ...observer('dns', (entry) => {
      const { hostname, host } = detailOf<{ hostname?: string; host?: string }>(entry);
      dnsDone.fire(entry.name, hostname ?? host ?? '', ...timesOf(entry));
    }),
  });
  watchDelay(probes['event-loop-delay']);
}

/** Has Node collect entries of one type while somebody traces. */
function observer(type: EntryType, onEntry: (entry: PerformanceEntry) => void): Omit<Watched, 'probes'> {
  const created = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) onEntry(entry);
  });
  return {
    start: () => created.observe({ entryTypes: [type] }),
    stop: () => created.disconnect(),
  };
}

function detailOf<Detail extends object>(entry: PerformanceEntry): Detail {
  return (entry as { detail?: Detail }).detail ?? ({} as Detail);
}

/** Start by the clock of process.hrtime(), which is CLOCK_MONOTONIC, and duration; both in nanoseconds. */
function timesOf({ startTime, duration }: PerformanceEntry): [start: bigint, duration: number] {
  const ago = BigInt(Math.round((performance.now() - startTime) * NS));
  return [process.hrtime.bigint() - ago, Math.round(duration * NS)];
}

function watchDelay(probe: NodeProbes['event-loop-delay']): void {
  const histogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION });
  let timer: NodeJS.Timeout | undefined;
  watch({
    probes: [probe],
    start() {
      histogram.enable();
      timer = setInterval(() => {
        if (histogram.count === 0) return;
        const { min, mean, max, count } = histogram;
        const [half, most] = [histogram.percentile(50), histogram.percentile(99)];
        probe.fire(min, Math.round(mean), half, most, max, count);
        histogram.reset();
      }, DELAY_INTERVAL).unref();
    },
    stop() {
      clearInterval(timer);
      histogram.disable();
      histogram.reset();
    },
  });
}
