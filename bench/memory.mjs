/**
 * Physical memory that a probe takes, at 10,000 probes in one enabled provider: the process' whole growth since its
 * first probe was enabled, so with the image, the garbage of making it, and the compiled code. RSS counts shared pages
 * in full; PSS divides them by the number of processes that share them. Measured without a forced garbage collection,
 * as programs run, and with one.
 */
import { fileURLToPath } from 'node:url';
import { report, smoke, spread } from './harness.mjs';
import { library, memory, runScript, temporaryFolder } from './tools.mjs';

const PROBES = smoke ? 50 : 10_000;
const ROUNDS = smoke ? 1 : 7;

if (process.argv[2] === 'child') await child();
else parent();

async function child() {
  const { createProvider } = await import(library);
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
  const env = { LIBUSDT_DIR: temporaryFolder() };
  const options = { args: ['child'], flags: ['--expose-gc'], env };
  runScript(fileURLToPath(import.meta.url), options);
  const runs = Array.from({ length: ROUNDS }, () => runScript(fileURLToPath(import.meta.url), options));
  const row = (what, when, kind, most) => {
    const values = runs.map(
      ({ before, [when]: then, probes }) => ((then[kind] - before[kind]) * 1024) / probes,
    );
    return {
      what: `${what} per probe, of ${PROBES.toLocaleString('en')}`,
      ...spread(values),
      unit: 'bytes',
      most,
    };
  };
  report([
    row('RSS', 'after', 'rss', 1024),
    row('PSS', 'after', 'pss'),
    row('RSS after a garbage collection', 'collected', 'rss'),
    row('PSS after a garbage collection', 'collected', 'pss'),
  ]);
}
