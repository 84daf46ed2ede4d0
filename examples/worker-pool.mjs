// Eight threads in one process share one image. Each fires on its own: nothing is locked, nothing is copied.
//   npx usdt trace 'pool:*' --where 'arg1 > 900000'
import { isMainThread, parentPort, threadId, Worker } from 'node:worker_threads';
import { createProvider } from 'libusdt';

const THREADS = 8;

if (isMainThread) {
  const workers = Array.from({ length: THREADS }, () => new Worker(new URL(import.meta.url)));
  for (const worker of workers) {
    worker.postMessage(Math.ceil(Math.random() * 1e6));
    worker.on('message', () => setTimeout(() => worker.postMessage(Math.ceil(Math.random() * 1e6)), 10));
  }
  process.on('SIGTERM', () => process.exit());
} else {
  const pool = createProvider('pool', {
    probes: {
      task: ['int', 'uint32_t'], // thread, size of the task
      result: ['int', 'uint32_t', 'json'], // thread, size, what came out
    },
  });
  pool.enable();
  parentPort.on('message', (size) => {
    pool.probes.task.fire(threadId, size);
    let sum = 0;
    for (let index = 0; index < size; index++) sum += index % 7;
    pool.probes.result.fireLazy(() => [threadId, size, { sum, mean: sum / size }]);
    parentPort.postMessage(sum);
  });
}
