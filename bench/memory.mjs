/**
 * Physical memory that a probe takes, at 10,000 probes in one enabled provider: the process' whole growth since its
 * first probe was enabled, so with the image, the garbage of making it, and the compiled code. RSS counts shared pages
 * in full; PSS divides them by the number of processes that share them. Measured without a forced garbage collection,
 * as programs run, and with one. With LIBUSDT_OTHER, another build takes turns.
 */
import { fileURLToPath } from 'node:url';
import { median, report, smoke, spread } from './harness.mjs';
import { library, memory, otherLibrary, runScript, temporaryFolder } from './tools.mjs';

const PROBES = smoke ? 50 : 10_000;
const ROUNDS = smoke ? 1 : 7;

if (process.argv[2] === 'child') await child(process.argv[3]);
else parent();

async function child(path) {
  const { createProvider } = await import(path);
  const names = Array.from({ length: PROBES }, (_, n) => `probe-${n}`);
  const first = createProvider('first');
  first.addProbe('probe', ['uint32_t', 'char *', 'char *']);
  first.enable({ strict: true });
  memory();
  const before = memory();
  const provider = createProvider('bench');
  const probes = names.map((name) => provider.addProbe(name, ['uint32_t', 'char *', 'char *']));
  provider.enable({ strict: true });
  const after = memory();
  globalThis.gc();
  const collected = memory();
  console.log(JSON.stringify({ before, after, collected, probes: probes.length }));
}

function parent() {
  const script = fileURLToPath(import.meta.url);
  const env = { LIBUSDT_DIR: temporaryFolder() };
  const run = (path) => runScript(script, { args: ['child', path], flags: ['--expose-gc'], env });
  const builds = [library, otherLibrary].filter((path) => path !== undefined);
  const runs = new Map(builds.map((path) => [path, []]));
  for (const path of builds) run(path);
  for (let round = 0; round < ROUNDS; round++) for (const path of builds) runs.get(path).push(run(path));
  const values = (path, when, kind) =>
    runs.get(path).map(({ before, [when]: then, probes }) => ((then[kind] - before[kind]) * 1024) / probes);
  const row = (what, when, kind, most) => ({
    what: `${what} per probe, of ${PROBES.toLocaleString('en')}`,
    ...spread(values(library, when, kind)),
    unit: 'bytes',
    most,
  });
  const proportion = (when) => ({
    what: when === 'after' ? 'RSS in proportion to the other build' : 'the same after a garbage collection',
    value: median(values(library, when, 'rss')) / median(values(otherLibrary, when, 'rss')),
    unit: 'x',
  });
  report([
    row('RSS', 'after', 'rss', 600),
    row('PSS', 'after', 'pss'),
    row('RSS after a garbage collection', 'collected', 'rss'),
    row('PSS after a garbage collection', 'collected', 'pss'),
    ...(otherLibrary ? [proportion('after'), proportion('collected')] : []),
  ]);
}
