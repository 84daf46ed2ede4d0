/**
 * The command `usdt`, in turns with others: how long `usdt list` takes beside Node's own start and `readelf -n`; the time
 * from the start of `usdt trace` to its first line beside bpftrace's; with --old=PATH, the `usdt.js` of another build, both
 * beside those of that build, and the processor time of `usdt trace` for an event.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { median, quantile, report, smoke } from './harness.mjs';
import { reasonToSkip, startPaced, USDT } from './paced.mjs';
import { temporaryFolder } from './tools.mjs';

const RATE = smoke ? 2000 : 25_000;
const SECONDS = smoke ? 0.2 : 3;
const ROUNDS = smoke ? 1 : 3;
const STARTS = smoke ? 1 : 9;
const LISTS = smoke ? 1 : 15;
/** With probes, in every Debian with a C++ compiler's library. */
const LISTED = '/usr/lib/x86_64-linux-gnu/libstdc++.so.6';
/** The first runs of a command keep its compiled code for the others. */
const WARM_UP = smoke ? 1 : 5;

const old = process.argv.find((argument) => argument.startsWith('--old='))?.slice('--old='.length);
const rows = [];
const spread = (values) => ({
  value: median(values),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75),
});
/** Times of subjects that took turns, and each in proportion to the first one's. */
function add(times, unit, goals = {}) {
  const [[, first]] = Object.entries(times);
  for (const [name, values] of Object.entries(times)) {
    rows.push({ what: name, unit, ...spread(values) });
    if (values === first) continue;
    const ratios = values.map((value, round) => value / first[round]);
    const most = goals[name];
    rows.push({ what: '  in proportion', unit: 'x', ...spread(ratios), ...(most && { most }) });
  }
}

async function inTurns(rounds, subjects) {
  const names = Object.keys(subjects);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < names.length; place++) {
      const name = names[(place + round) % names.length];
      times[name].push(await subjects[name]());
    }
  }
  return times;
}

if (existsSync(LISTED)) await measureLists();
else rows.push({ what: 'usdt list', unit: 'ms', skipped: `there is no ${LISTED}` });
const skipped = reasonToSkip();
if (skipped) rows.push({ what: 'usdt trace', unit: 'ms', skipped });
else await measureTraces();
report(rows);

async function measureLists() {
  const env = { ...process.env, LIBUSDT_DIR: temporaryFolder() };
  const run = (...command) => {
    const [program, ...args] = command;
    const begin = performance.now();
    if (spawnSync(program, args, { stdio: 'ignore', env }).status !== 0)
      throw new Error(`${command.join(' ')} failed`);
    return performance.now() - begin;
  };
  const list = (usdt) => () => run(process.execPath, usdt, 'list', LISTED);
  for (let round = 0; round < WARM_UP; round++) list(USDT)();
  const times = await inTurns(LISTS, {
    'node -e 0': () => run(process.execPath, '-e', '0'),
    'usdt list libstdc++.so.6': list(USDT),
    ...(old && { 'the old one': list(old) }),
    'readelf -n libstdc++.so.6': () => run('readelf', '-n', LISTED),
  });
  add(times, 'ms', { 'usdt list libstdc++.so.6': 1.25 });
}

async function measureTraces() {
  const paced = await startPaced();
  for (let round = 0; round < WARM_UP; round++) await paced.firstLine(paced.usdt(USDT));
  const first = await inTurns(STARTS, {
    'bpftrace: from start to the first line': () => paced.firstLine(paced.bpftrace),
    'usdt trace: the same': () => paced.firstLine(paced.usdt(USDT)),
    ...(old && { 'the old one': () => paced.firstLine(paced.usdt(old)) }),
  });
  add(first, 'ms', { 'usdt trace: the same': 1.5 });
  if (old) {
    // The first run is for the start, and for V8 to compile.
    const cpu = async (usdt) => {
      const { fired, seen } = await paced.trace(paced.usdt(usdt), [RATE, SECONDS], [RATE, 2 * SECONDS]);
      if (seen !== fired[0].fired + fired[1].fired) throw new Error('events were lost');
      return (fired[1].cpu * 1000) / fired[1].fired;
    };
    const times = await inTurns(ROUNDS, {
      'the old usdt trace: processor time per event': () => cpu(old),
      'usdt trace: the same': () => cpu(USDT),
    });
    add(times, 'µs', { 'usdt trace: the same': 0.5 });
  }
  paced.end();
}
