// Four workers of node:cluster with the same provider, and a fifth that starts when the others have fired. Each says
// what has to be seen of it.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createProvider } from 'libusdt';
import { print, untilEnabled, untilTold } from './common.mjs';

const WORKERS = 4;
const provider = createProvider('cluster', { probes: { work: ['int', 'char *'] } });
const { file } = provider.enable({ strict: true });
const { work } = provider.probes;

if (cluster.isPrimary) {
  cluster.setupPrimary({ args: ['worker'] });
  const workers = Array.from({ length: WORKERS }, () => cluster.fork());
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  print({ file });
  // It is traced too, since it maps the same file.
  await untilTold([work]);
  for (const worker of workers) worker.send('go');
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const last = cluster.fork();
  await once(last, 'message');
  last.send('go');
} else {
  process.send('ready');
  await once(process, 'message');
  await untilEnabled([work]);
  const events = Array.from({ length: 10 }, (_, n) => `${n} worker ${cluster.worker.id}`);
  for (const [n, event] of events.entries()) work.fire(n, event.slice(2));
  print({ file, pid: process.pid, expect: events.map((event) => `${process.pid} ${event}`) });
  process.send('done');
  await untilEnabled([work], false);
  print({ pid: process.pid, enabled: false });
  process.disconnect();
}
