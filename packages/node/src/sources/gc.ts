/**
 * Garbage collection: the two probes of old, both after the fact.
 * https://nodejs.org/api/perf_hooks.html#garbage-collection-gc-details
 */

import { threadId } from 'node:worker_threads';
import { detailOf, observeEntries, timesOf } from '../performance-entries.ts';
import { defineSource } from '../source.ts';

export const gc = defineSource({
  shapes: {
    // type, flags, thread, start (ns of CLOCK_MONOTONIC), duration (ns)
    'gc-start': ['int', 'int', 'uint64_t', 'uint64_t', 'uint64_t'],
    'gc-done': ['int', 'int', 'uint64_t', 'uint64_t', 'uint64_t'],
  },
  start(probes) {
    const { 'gc-start': started, 'gc-done': done } = probes;
    observeEntries('gc', [started, done], (entry) => {
      const { kind = 0, flags = 0 } = detailOf<{ kind: number; flags: number }>(entry);
      const [start, duration] = timesOf(entry);
      started.fire(kind, flags, threadId, start, duration);
      done.fire(kind, flags, threadId, start, duration);
    });
  },
});
