/**
 * DNS, after the fact.
 * https://nodejs.org/api/perf_hooks.html#dns-dns-details
 */

import { detailOf, observeEntries, timesOf } from '../performance-entries.ts';
import { defineSource } from '../source.ts';

export const dns = defineSource({
  shapes: {
    // what was asked, host, start (ns of CLOCK_MONOTONIC), duration (ns)
    'dns-done': ['char *', 'char *', 'uint64_t', 'uint64_t'],
  },
  start(probes) {
    const done = probes['dns-done'];
    observeEntries('dns', [done], (entry) => {
      const { hostname, host } = detailOf<{ hostname: string; host: string }>(entry);
      done.fire(entry.name, hostname ?? host ?? '', ...timesOf(entry));
    });
  },
});
