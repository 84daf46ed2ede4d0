// Creates, enables, disables and frees providers, and reports what the process holds after each tenth of them.
// Arguments: number of cycles.
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const cycles = Number(process.argv[2]);
const reports = [];

for (let cycle = 1; cycle <= cycles; cycle++) {
  const provider = createProvider('cycles', { probes: { start: ['int', 'char *'] } });
  if (provider.enable({ strict: true }).state !== 'active') throw new Error('not active');
  provider.probes.start.fire(cycle, 'text');
  provider.disable();
  provider.free();
  // The runtime frees views of foreign memory when the program comes to its event loop.
  if (cycle % 100 === 0) await setImmediate();
  if (cycle % (cycles / 10) === 0) {
    globalThis.gc();
    await setImmediate();
    reports.push({
      heap: process.memoryUsage().heapUsed,
      resident: Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024,
      descriptors: readdirSync('/proc/self/fd').length,
      images: readFileSync('/proc/self/maps', 'utf8').match(/libusdt-cycles/g)?.length ?? 0,
    });
  }
}
console.log(JSON.stringify(reports));
