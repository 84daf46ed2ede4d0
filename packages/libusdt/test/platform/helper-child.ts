/**
 * A program on a machine with DTrace's daemon. Prints, as JSON, the status after each step of what the argument names:
 *
 * - `one`: enable, disable, enable.
 * - `two`: two providers, and a third of the first's definition; the twins are disabled one by one.
 * - `removal`: a probe is removed, and the rest is enabled again.
 * - `large`: 1,100 probes.
 * - `worker`: as `one`, on a worker thread; `both`: on a worker thread while the main thread has the provider.
 * - `dropped`: a provider that is enabled and dropped; ends when its image is gone.
 */
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createProvider } from '../../src/index.ts';

const define = (name = 'webapp') =>
  createProvider(name, {
    module: 'app',
    attributes: { name: ['Stable', 'Stable', 'Common'] },
    probes: { 'request-start': ['int', 'char *'], 'request-done': { function: 'reply' } },
  });

const steps: unknown[] = [];

function one(): void {
  const web = define();
  steps.push(web.enable());
  web.disable();
  steps.push(web.status);
  steps.push(web.enable());
  web.disable();
}

function two(): void {
  const [web, api, twin] = [define(), define('api'), define()];
  for (const provider of [web, api, twin]) steps.push(provider.enable());
  web.disable();
  api.disable();
  twin.disable();
}

function removal(): void {
  const web = define();
  steps.push(web.enable());
  web.removeProbe(web.probes['request-done']);
  steps.push(web.enable());
  web.disable();
}

function large(): void {
  const probes = Object.fromEntries(
    Array.from({ length: 1100 }, (_, i) => [`probe-${i}x`, ['int'] as const]),
  );
  steps.push(createProvider('webapp', { probes }).enable());
}

async function onWorker(): Promise<void> {
  // Node 20 gives a worker thread no loader for TypeScript.
  const program = `import('tsx/esm/api').then(({ register }) => { register(); return import('${import.meta.url}'); });`;
  const worker = new Worker(program, { eval: true, workerData: 'one' });
  worker.once('message', (seen: unknown[]) => steps.push(...seen));
  await new Promise((resolve) => worker.once('exit', resolve));
}

async function dropped(): Promise<void> {
  steps.push(define().enable());
  for (;;) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (!/libusdt-webapp/.test(readFileSync('/proc/self/maps', 'latin1'))) return;
  }
}

const scenario = isMainThread ? process.argv[2] : (workerData as string);
if (scenario === 'both') steps.push(define().enable());
const run = { one, two, removal, large, worker: onWorker, both: onWorker, dropped }[scenario!];
await run?.();
if (isMainThread) console.log(JSON.stringify(steps));
else parentPort?.postMessage(steps);
