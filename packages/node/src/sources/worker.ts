/**
 * Worker threads, as they begin and end.
 * https://nodejs.org/api/diagnostics_channel.html#worker-thread
 */

import type { Worker } from 'node:worker_threads';
import { subscribeWhileTraced } from '../bridge/subscribe.ts';
import { defineSource } from '../source.ts';

export const worker = defineSource({
  shapes: {
    // thread
    'worker-start': ['int'],
    // thread, exit code
    'worker-exit': ['int', 'int'],
  },
  start(probes) {
    const { 'worker-start': started, 'worker-exit': ended } = probes;
    const onWorker = ({ worker }: { worker: Worker }): void => {
      // When it has ended it has no number any more.
      const { threadId } = worker;
      started.fire(threadId);
      worker.once('exit', (code) => ended.fire(threadId, code));
    };
    subscribeWhileTraced([started, ended], [['worker_threads', onWorker]]);
  },
});
