// Worker threads with the same definition, started and ended while the main thread goes on. Each prints what it has.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createProvider } from 'libusdt';

const web = createProvider('webapp', { probes: { start: ['int', 'char *'] } });
const { state, file } = web.enable();
for (let n = 0; n < 1000; n++) web.probes.start.fire(n, 'text');

if (isMainThread) {
  const files = new Set([file]);
  const states = [];
  for (let round = 0; round < 3; round++) {
    const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url)));
    const reports = await Promise.all(
      workers.map(
        (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      ),
    );
    for (const report of reports) {
      files.add(report.file);
      states.push(report.state);
    }
    // Half of them end by themselves, with their provider enabled.
    await Promise.all(workers.slice(2).map((worker) => worker.terminate()));
    web.probes.start.fire(round, 'text');
  }
  const after = web.status.state;
  web.free();
  console.log(JSON.stringify({ files: [...files], states, after }));
} else {
  parentPort.postMessage({ state, file });
  if (web.probes.start.enabled) setInterval(() => {}, 1000);
}
