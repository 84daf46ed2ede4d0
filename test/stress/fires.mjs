// Waits for a line on its input, fires a number of times, and reports what the process held before and after.
// Arguments: number of fires. Prints the file to trace first.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const fires = Number(process.argv[2]);
const provider = createProvider('fires', { probes: { hit: ['uint32_t', 'char *'] } });
const { hit } = provider.probes;
console.log(provider.enable({ strict: true }).file);
await once(process.stdin, 'data');
process.stdin.unref();

const held = () => {
  globalThis.gc();
  return {
    heap: process.memoryUsage().heapUsed,
    resident: Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024,
    descriptors: readdirSync('/proc/self/fd').length,
  };
};
const fire = (from, to) => {
  for (let index = from; index < to; index++) hit.fire(index, 'a string of 24 characters');
};
fire(0, fires / 10);
const before = held();
fire(fires / 10, fires);
console.log(JSON.stringify({ before, after: held() }));
while (hit.enabled) await setTimeout(5);
provider.free();
