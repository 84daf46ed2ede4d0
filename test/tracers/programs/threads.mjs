// Eight worker threads with the same probe, which fire at the same time, each its own arguments: numbers that say
// whose they are, and a text and a sum that must belong to them.
import { isMainThread, parentPort, threadId, Worker, workerData } from 'node:worker_threads';
import { createProvider } from 'libusdt';
import { print, untilEnabled, untilTold } from './common.mjs';

const THREADS = 8;
const FIRES = 500;
const provider = createProvider('threads', {
  probes: { work: ['uint32_t', 'uint32_t', 'char *', 'int64_t', 'int64_t', 'int64_t'] },
});
const { work } = provider.probes;
const { file } = provider.enable({ strict: true });

if (isMainThread) {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from(
    { length: THREADS },
    (_, n) => new Worker(new URL(import.meta.url), { workerData: { gate, n } }),
  );
  const heard = (word) =>
    Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve) => worker.on('message', (said) => said.word === word && resolve(said))),
      ),
    );
  await heard('ready');
  print({ file, threads: THREADS, fires: FIRES });
  await untilTold([work]);
  const fired = heard('fired');
  const gone = heard('gone');
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  print({ same: (await fired).every((said) => said.file === file) });
  await gone;
  print({ enabled: work.enabled });
} else {
  const { gate, n } = workerData;
  parentPort.postMessage({ word: 'ready' });
  Atomics.wait(gate, 0, 0);
  for (let fire = 0; fire < FIRES; fire++) {
    work.fire(n, fire, `thread ${n} fire ${fire}`, n + fire, n - fire, BigInt(n) << 40n);
  }
  parentPort.postMessage({ word: 'fired', file, threadId });
  await untilEnabled([work], false);
  parentPort.postMessage({ word: 'gone' });
}
