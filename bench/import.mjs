/**
 * How long `await import('libusdt')` takes, against the import of an empty module: in a program that is an ES module,
 * and in a CommonJS program, where the loader of ES modules has to get going first. Processes of their own, in turns.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { report, smoke, spread } from './harness.mjs';
import { library, runScript, temporaryFolder } from './tools.mjs';

const ROUNDS = smoke ? 1 : 41;

const folder = temporaryFolder();
const empty = join(folder, 'empty.mjs');
writeFileSync(empty, 'export {};\n');
const MODULES = { library, empty: pathToFileURL(empty).href };
const timer = `const start = performance.now();
import(process.argv[2]).then(() => console.log(performance.now() - start));
`;

function measure(extension) {
  const script = join(folder, `timer.${extension}`);
  writeFileSync(script, timer);
  const times = { library: [], empty: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 === 0 ? ['library', 'empty'] : ['empty', 'library']) {
      times[name].push(runScript(script, { args: [MODULES[name]] }));
    }
  }
  return times;
}
const row = (what, values, most) => ({
  what,
  ...spread(values),
  unit: 'ms',
  most,
});
const rows = [];
for (const [extension, program] of Object.entries({ mjs: 'an ES module', cjs: 'CommonJS' })) {
  const { library: ours, empty: none } = measure(extension);
  rows.push(
    row(`import libusdt, the program being ${program}`, ours, 10),
    row(`import an empty module, the program being ${program}`, none),
    row(
      'libusdt above the empty module',
      ours.map((ms, round) => ms - none[round]),
    ),
  );
}
report(rows);
