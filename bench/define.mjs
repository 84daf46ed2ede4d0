/**
 * From nothing to visible: createProvider(), addProbe() so many times, enable(). Each in a process of its own, where
 * nothing is compiled or cached yet. First with an empty folder, as at a program's first start; then with what the
 * first start left in it, as at all later ones. With LIBUSDT_OTHER, another build takes turns.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, report, smoke, spread } from './harness.mjs';
import { library, otherLibrary, runScript, temporaryFolder } from './tools.mjs';

const COUNTS = smoke ? [1, 20] : [1, 1000, 10_000, 100_000];
const MOST = { 1: 5, 10000: 300 };

if (process.argv[2] === 'child') await child(Number(process.argv[3]), process.argv[4]);
else parent();

async function child(count, path) {
  const { createProvider } = await import(path);
  const names = Array.from({ length: count }, (_, n) => `probe-${n}`);
  const start = performance.now();
  const provider = createProvider('bench');
  for (const name of names) provider.addProbe(name, ['uint32_t', 'char *', 'char *']);
  provider.enable({ strict: true });
  console.log(performance.now() - start);
}

function parent() {
  const base = temporaryFolder();
  const times = new Map(COUNTS.map((count) => [count, { first: [], later: [], ratios: [] }]));
  const rounds = smoke ? 1 : 15;
  for (let round = 0; round < rounds; round++) {
    for (const count of COUNTS) {
      // The largest takes a second or more.
      if (count > 10_000 && round >= 5) continue;
      const folder = join(base, 'cache');
      const run = (path) =>
        runScript(fileURLToPath(import.meta.url), {
          args: ['child', String(count), path],
          env: { LIBUSDT_DIR: folder },
        });
      times.get(count).first.push(run(library));
      const later = run(library);
      times.get(count).later.push(later);
      if (otherLibrary) {
        run(otherLibrary);
        times.get(count).ratios.push(later / run(otherLibrary));
      }
      rmSync(folder, { recursive: true });
    }
  }
  const rows = [];
  for (const [count, { first, later, ratios }] of times) {
    for (const [what, values] of Object.entries({ 'files cached': later, 'empty folder': first })) {
      rows.push({
        what: `define and enable ${count.toLocaleString('en')} ${count === 1 ? 'probe' : 'probes'}, ${what}`,
        ...spread(values),
        unit: 'ms',
        most: MOST[count],
      });
    }
    if (ratios.length > 0) {
      rows.push({
        what: 'the same, files cached, in proportion to the other build',
        ...spread(ratios),
        unit: 'x',
      });
    }
  }
  const [least, , fewer = least, most] = COUNTS;
  if (most) {
    const each = (count) => median(times.get(count).first) / count;
    rows.push({
      what: `a probe of ${most.toLocaleString('en')} in proportion to one of ${fewer.toLocaleString('en')}`,
      value: each(most) / each(fewer),
      unit: 'x',
      note: '1 is linear',
    });
  }
  report(rows);
}
