/**
 * How long `await import('libusdt')` takes as the first import of a process, against that of an empty module: the
 * module loader itself has to get going for either. Processes of their own, in turns.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { median, quantile, report, smoke } from './harness.mjs';
import { library, runScript, temporaryFolder } from './tools.mjs';

const ROUNDS = smoke ? 1 : 41;

const folder = temporaryFolder();
const empty = join(folder, 'empty.mjs');
writeFileSync(empty, 'export {};\n');
// CommonJS: the module loader is not yet at work when the clock starts.
const timer = join(folder, 'timer.cjs');
writeFileSync(
  timer,
  `const start = performance.now();
import(process.argv[2]).then(() => console.log(performance.now() - start));
`,
);

const times = { library: [], empty: [] };
for (let round = 0; round < ROUNDS; round++) {
  const turn = { library: fileURLToPath(library), empty };
  for (const name of round % 2 === 0 ? ['library', 'empty'] : ['empty', 'library']) {
    times[name].push(runScript(timer, { args: [pathToFileURL(turn[name]).href] }));
  }
}
const row = (what, values, most) => ({
  what,
  value: median(values),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75),
  unit: 'ms',
  most,
});
report([
  row('import an empty module', times.empty),
  row('import libusdt', times.library, 10),
  row(
    'libusdt above the empty module',
    times.library.map((ms, round) => ms - times.empty[round]),
  ),
]);
