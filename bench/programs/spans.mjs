// Fires the start and the end of requests at a rate, in bursts of a millisecond, once somebody traces them; there are
// always some that have not ended. For each line "EVENTS_PER_SECOND SECONDS" on standard input prints "begin" and then
// how many it fired. Prints its file first.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const provider = createProvider('paced', {
  probes: { 'request-start': ['uint32_t', 'char *'], 'request-done': ['uint32_t', 'int'] },
});
const { 'request-start': begin, 'request-done': end } = provider.probes;
console.log(provider.enable({ strict: true }).file);
const OPEN = 20;

for await (const line of createInterface({ input: process.stdin })) {
  const [rate, seconds] = line.split(' ').map(Number);
  while (!begin.enabled || !end.enabled) await sleep(5);
  // The tracer attaches, and then begins to read.
  await sleep(300);
  console.log('begin');
  const total = (rate * seconds) / 2;
  const start = performance.now();
  let fired = 0;
  while (fired < total) {
    const due = Math.min(total, Math.ceil((((performance.now() - start) / 1000) * rate) / 2));
    for (; fired < due; fired++) {
      begin.fire(fired, `/path/${fired % 30}`);
      end.fire(fired - OPEN, fired % 7 ? 200 : 500);
    }
    await sleep(1);
  }
  console.log(2 * fired);
}
