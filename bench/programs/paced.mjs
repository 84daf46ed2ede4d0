// Fires at a rate, in bursts of a millisecond, once somebody traces it. For each line "RATE SECONDS" on standard input
// prints how many it fired, and in how many seconds. Prints its file first.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const provider = createProvider('paced', { probes: { hit: ['uint32_t', 'char *'] } });
const { hit } = provider.probes;
console.log(provider.enable({ strict: true }).file);
const TEXT = 'twenty characters..!';

for await (const line of createInterface({ input: process.stdin })) {
  const [rate, seconds] = line.split(' ').map(Number);
  while (!hit.enabled) await sleep(5);
  // The tracer attaches, and then begins to read.
  await sleep(300);
  const total = rate * seconds;
  const start = performance.now();
  let fired = 0;
  while (fired < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - start) / 1000) * rate));
    for (; fired < due; fired++) hit.fire(fired, TEXT);
    await sleep(1);
  }
  console.log(`${fired} ${(performance.now() - start) / 1000}`);
}
