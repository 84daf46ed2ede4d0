// Creates, enables, disables and frees providers, and reports what the process holds after each tenth of them.
// Arguments: number of cycles; what each must have been registered by, if anything.
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const cycles = Number(process.argv[2]);
const registrar = process.argv[3] ?? '';
const reports = [];

for (let cycle = 1; cycle <= cycles; cycle++) {
  const provider = createProvider('cycles', { probes: { start: ['int', 'char *'] } });
  const { registeredBy } = provider.enable({ strict: true });
  if (!registeredBy.includes(registrar)) throw new Error(`registered by ${registeredBy}`);
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
