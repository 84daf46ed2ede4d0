// count.mjs KERNEL FIRES: fires so many times once it is traced, with the tracepoint that is right for that kernel.
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const [, , kernel, fires] = process.argv;
os.release = () => kernel;
syncBuiltinESMExports();
const { createProvider } = await import('libusdt');

const print = (value) => console.log(JSON.stringify(value));
const provider = createProvider('count', { probes: { hit: ['int'] } });
const { file, tracepoint } = provider.enable({ strict: true });
print({ file, tracepoint });
const { hit } = provider.probes;
const until = async (enabled) => {
  while (hit.enabled !== enabled) await new Promise((resolve) => setTimeout(resolve, 5));
};
await until(true);
const begin = process.hrtime.bigint();
for (let n = 0; n < Number(fires); n++) hit.fire(n);
print({ nanoseconds: Number(process.hrtime.bigint() - begin) / Number(fires) });
await until(false);
print({ enabled: hit.enabled });
