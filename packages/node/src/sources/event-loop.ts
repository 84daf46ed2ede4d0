/**
 * The delay of the event loop.
 * https://nodejs.org/api/perf_hooks.html#perf_hooksmonitoreventloopdelayoptions
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { watch } from '../bridge/watch.ts';
import { defineSource } from '../source.ts';

/** Milliseconds between two `event-loop-delay` events. */
const DELAY_INTERVAL = 1000;
/** Milliseconds between two samples. */
const DELAY_RESOLUTION = 10;

export const eventLoop = defineSource({
  shapes: {
    // nanoseconds: least, mean, half, 99 of 100, most; number of samples
    'event-loop-delay': ['uint64_t', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t'],
  },
  start(probes) {
    const probe = probes['event-loop-delay'];
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
  },
});
