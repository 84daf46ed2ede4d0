// Has many probes, and tells whether they are traced. Arguments: how many providers, probes of each, and signatures, of which
// there are at most 125. Prints the providers' files as JSON; then "traced" when all are, and "untraced" when none is.
import { setTimeout as sleep } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const [providers, probes, signatures] = process.argv.slice(2).map(Number);
const TYPES = ['int32_t', 'uint32_t', 'int64_t', 'uint64_t', 'char *'];
const signature = (n) => [n, n / 5, n / 25].map((digit) => TYPES[Math.floor(digit) % TYPES.length]);

const all = [];
const files = [];
for (let n = 0; n < providers; n++) {
  const shapes = {};
  for (let at = 0; at < probes; at++) shapes[`probe-${at}`] = signature(at % signatures);
  const provider = createProvider(`many-${n}x`, { probes: shapes });
  files.push(provider.enable({ strict: true }).file);
  all.push(...Object.values(provider.probes));
}
console.log(JSON.stringify(files));

for (;;) {
  while (!all.every((probe) => probe.enabled)) await sleep(10);
  console.log('traced');
  while (all.some((probe) => probe.enabled)) await sleep(10);
  console.log('untraced');
}
