/**
 * How long it takes to load the library, against loading an empty module, and then to make the first probe visible: in a
 * program that is an ES module; in a CommonJS program, where the loader of ES modules has to get going first; and there
 * by require(), which needs less of it. Processes of their own, in turns. With LIBUSDT_OTHER, another build takes turns.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { report, smoke, spread } from './harness.mjs';
import { library, otherLibrary, runScript, temporaryFolder } from './tools.mjs';

const ROUNDS = smoke ? 1 : 41;

const folder = temporaryFolder();
const env = { LIBUSDT_DIR: join(folder, 'cache') };
const empty = join(folder, 'empty.mjs');
writeFileSync(empty, 'export {};\n');
const MODULES = { library, empty: pathToFileURL(empty).href, ...(otherLibrary && { other: otherLibrary }) };

const tell = `({ createProvider }) => {
  const loaded = performance.now();
  createProvider?.('bench', { probes: { probe: ['uint32_t', 'char *', 'char *'] } }).enable({ strict: true });
  console.log(JSON.stringify({ load: loaded - start, first: performance.now() - loaded }));
}`;
const PROGRAMS = {
  'import libusdt, the program being an ES module': {
    name: 'import.mjs',
    text: `const start = performance.now();\nimport(process.argv[2]).then(${tell});\n`,
  },
  'import() libusdt, the program being CommonJS': {
    name: 'import.cjs',
    text: `const start = performance.now();\nimport(process.argv[2]).then(${tell});\n`,
  },
  'require() libusdt, the program being CommonJS': {
    name: 'require.cjs',
    text: `const start = performance.now();\n(${tell})(require(process.argv[2]));\n`,
    flags: ['--disable-warning=ExperimentalWarning'],
    toSpecifier: (url) => fileURLToPath(url),
  },
};

/** By module: what its processes told, round by round. */
function measure({ name, text, flags = [], toSpecifier = (url) => url }) {
  const script = join(folder, name);
  writeFileSync(script, text);
  const run = (module) => runScript(script, { args: [toSpecifier(MODULES[module])], env, flags });
  const names = Object.keys(MODULES);
  const told = Object.fromEntries(names.map((module) => [module, []]));
  for (const module of names) run(module);
  for (let round = 0; round < ROUNDS; round++) {
    for (let place = 0; place < names.length; place++) {
      const module = names[(place + round) % names.length];
      told[module].push(run(module));
    }
  }
  return told;
}

const row = (what, values, unit = 'ms', most = undefined) => ({ what, ...spread(values), unit, most });
const rows = [];
for (const [what, program] of Object.entries(PROGRAMS)) {
  const told = measure(program);
  const above = (module) => told[module].map(({ load }, round) => load - told.empty[round].load);
  const first = (module) => told[module].map((one) => one.first);
  rows.push(
    row(
      what,
      told.library.map(({ load }) => load),
      'ms',
      10,
    ),
    row('  above an empty module', above('library')),
    row('  the first probe after that', first('library')),
  );
  if (!otherLibrary) continue;
  const proportion = (ours, others) => ours.map((ms, round) => ms / others[round]);
  rows.push(
    row(
      '  above an empty module, in proportion to the other build',
      proportion(above('library'), above('other')),
      'x',
    ),
    row(
      '  the first probe, in proportion to the other build',
      proportion(first('library'), first('other')),
      'x',
    ),
  );
}
report(rows);
