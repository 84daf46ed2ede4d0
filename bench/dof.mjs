/**
 * DTrace's documents (DOF): what it takes to make one, by the number of probes; what registering adds to enable() where
 * DTrace's daemon runs; and what is left after registering and taking back very often. The daemon is the tests' stand-in,
 * which answers at once: its own time is not in the numbers.
 *
 * Making documents is measured in one process that has done so before, enable() in fresh ones, with the daemon and
 * without by turns, each with files that are there already.
 */
import { fileURLToPath } from 'node:url';
import { median, report, smoke, spread } from './harness.mjs';
import { compile, library, runScript, temporaryFolder } from './tools.mjs';

const COUNTS = smoke ? [1, 10, 20] : [1, 1000, 10_000];
const CYCLES = smoke ? 200 : 100_000;
const TYPES = ['uint32_t', 'char *', 'char *'];
const self = fileURLToPath(import.meta.url);
const cycles = fileURLToPath(new URL('../test/stress/cycles.mjs', import.meta.url));
const nameOf = (index) => `probe-${index}x`;
const shown = (count) => `${count.toLocaleString('en')} ${count === 1 ? 'probe' : 'probes'}`;

if (process.argv[2] === 'child') await child(Number(process.argv[3]));
else {
  const device = compile(
    '../../packages/libusdt/test/platform/helper-device.c',
    'helper-device.so',
    '-shared',
    '-fPIC',
  );
  report([...(await encoding()), ...registration(device), ...memory(device)]);
}

async function child(count) {
  const { createProvider } = await import(library);
  const provider = createProvider('bench');
  for (let index = 0; index < count; index++) provider.addProbe(nameOf(index), TYPES);
  const start = performance.now();
  const { registeredBy } = provider.enable({ strict: true });
  console.log(JSON.stringify({ ms: performance.now() - start, registeredBy }));
}

async function encoding() {
  const codecs = new URL('codecs.js', library).href;
  const { buildImage, decodeDof, defineProbe, encodeDof } = await import(codecs);
  const target = { os: 'linux', arch: 'x64', tracepoint: 'nop', dof: true };
  const documents = COUNTS.map((count) => {
    const probes = Array.from({ length: count }, (_, index) => defineProbe(nameOf(index), TYPES));
    const { dof } = buildImage({ provider: 'bench', module: 'bench', probes }, target);
    return { count, bytes: dof.bytes.length, document: decodeDof(dof.bytes), times: [] };
  });
  const rounds = smoke ? 2 : 51;
  for (let round = 0; round < rounds; round++) {
    for (const { count, document, times } of documents) {
      // Long enough for the clock.
      const repeat = Math.max(1, Math.ceil(1000 / count));
      const start = performance.now();
      for (let n = 0; n < repeat; n++) encodeDof(document);
      if (round > 0) times.push((performance.now() - start) / repeat);
    }
  }
  const rows = documents.flatMap(({ count, bytes, times }) => [
    { what: `encode a document of ${shown(count)}`, ...spread(times), unit: 'ms' },
    { what: `its size`, value: bytes, unit: 'bytes' },
  ]);
  const [, fewer, more] = documents;
  const proportion = (of) => of(more) / more.count / (of(fewer) / fewer.count);
  const title = `a probe of ${more.count.toLocaleString('en')} in proportion to one of ${fewer.count.toLocaleString('en')}`;
  rows.push(
    {
      what: `${title}: time`,
      value: proportion(({ times }) => median(times)),
      unit: 'x',
      note: '1 is linear',
    },
    { what: `${title}: bytes`, value: proportion(({ bytes }) => bytes), unit: 'x', note: '1 is linear' },
  );
  return rows;
}

function registration(device) {
  const rows = [];
  for (const count of COUNTS) {
    const env = { LIBUSDT_DIR: temporaryFolder() };
    const run = (preloaded) => {
      const { ms, registeredBy } = runScript(self, {
        args: ['child', String(count)],
        env: preloaded ? { ...env, LD_PRELOAD: device } : env,
      });
      if (/dtprobed/.test(registeredBy) !== preloaded) throw new Error(`registered by ${registeredBy}`);
      return ms;
    };
    const [alone, registered] = [[], []];
    for (let round = -1; round < (smoke ? 1 : 31); round++) {
      for (const preloaded of round % 2 === 0 ? [true, false] : [false, true]) {
        const ms = run(preloaded);
        // The first writes the files.
        if (round >= 0) (preloaded ? registered : alone).push(ms);
      }
    }
    const [with_, without] = [spread(registered), spread(alone)];
    rows.push(
      { what: `enable ${shown(count)}, no daemon`, ...without, unit: 'ms' },
      { what: `enable ${shown(count)}, registered`, ...with_, unit: 'ms' },
      {
        what: `what registering ${shown(count)} adds`,
        value: median(registered.map((ms, round) => ms - alone[round])),
        best: with_.best - without.best,
        unit: 'ms',
        most: { 1000: 50 }[count],
      },
    );
  }
  return rows;
}

function memory(device) {
  const env = { LIBUSDT_DIR: temporaryFolder(), LD_PRELOAD: device };
  const reports = runScript(cycles, { args: [String(CYCLES), 'dtprobed'], env, flags: ['--expose-gc'] });
  const [early, late] = [reports[0], reports.at(-1)];
  const title = `${CYCLES.toLocaleString('en')} registrations and removals, from the first tenth on:`;
  const grown = (what, unit) => ({ what: `${title} ${what}`, value: late[what] - early[what], unit });
  return [grown('heap', 'bytes'), grown('resident', 'bytes'), grown('descriptors', 'more')];
}
