// Four processes, one definition, one file: a single tracer sees all of them, those too that start later.
//   npx usdt stat --latency jobs:start,done --key pid
import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const WORKERS = 4;

if (cluster.isPrimary) {
  for (let index = 0; index < WORKERS; index++) cluster.fork();
  // Workers that die are replaced. Their probes are in the same file, so tracers need not be told.
  cluster.on('exit', (worker) => {
    if (!worker.exitedAfterDisconnect) cluster.fork();
  });
  process.on('SIGTERM', () => cluster.disconnect());
} else {
  const jobs = createProvider('jobs', {
    probes: {
      start: ['uint32_t', 'char *'], // number, kind
      done: ['uint32_t', 'double'], // number, result
    },
  });
  jobs.enable();
  const kinds = ['resize', 'encode', 'mail'];
  const timer = { stop: false };
  process.on('disconnect', () => {
    timer.stop = true;
  });
  for (let number = 1; !timer.stop; number++) {
    jobs.probes.start.fire(number, kinds[number % kinds.length]);
    await sleep(1 + Math.random() * 20);
    jobs.probes.done.fire(number, Math.sqrt(number));
  }
  jobs.free();
}
