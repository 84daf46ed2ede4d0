/**
 * `usdt trace` against `bpftrace` with a printf of the same arguments of the same program, in turns: the highest rate at
 * which no event is lost, as the program reached it; the tracer's processor time per event.
 */
import { median, quantile, report, smoke } from './harness.mjs';
import { reasonToSkip, startPaced, USDT } from './paced.mjs';

/** Events per second. */
const RATES = smoke ? [2000] : [25_000, 50_000, 100_000, 200_000, 300_000, 400_000, 600_000];
/** The part of a rate from which on it counts as reached. */
const REACHED = 0.9;
const CPU_RATE = smoke ? 2000 : 25_000;
const SECONDS = smoke ? 0.2 : 2;
const ROUNDS = smoke ? 1 : 3;

const skipped = reasonToSkip();
if (skipped) report([{ what: 'usdt trace against bpftrace', unit: 'x', skipped }]);
else await measure();

async function measure() {
  const paced = await startPaced();
  const tracers = { bpftrace: paced.bpftrace, usdt: paced.usdt(USDT) };
  const best = { bpftrace: 0, usdt: 0 };
  for (const name of ['bpftrace', 'usdt']) {
    for (const asked of RATES) {
      const { fired, seen } = await paced.trace(tracers[name], [asked, SECONDS]);
      if (seen !== fired[0].fired) break;
      best[name] = Math.max(best[name], fired[0].rate);
      // A tracer that wakes up for each event slows the program down before it loses any.
      if (fired[0].rate < REACHED * asked) break;
    }
  }
  const cpu = { bpftrace: [], usdt: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 ? ['usdt', 'bpftrace'] : ['bpftrace', 'usdt']) {
      // The first run is for the start, and for V8 to compile.
      const { fired } = await paced.trace(tracers[name], [CPU_RATE, SECONDS], [CPU_RATE, 2 * SECONDS]);
      cpu[name].push((fired[1].cpu * 1000) / fired[1].fired);
    }
  }
  paced.end();

  const row = (what, values, unit) => ({
    what,
    value: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    unit,
  });
  report([
    { what: 'bpftrace: most events without loss', value: best.bpftrace, unit: '/s' },
    {
      what: 'usdt trace: the same',
      value: best.usdt,
      unit: '/s',
      note: smoke ? '' : `asked for: ${RATES.join(' ')}`,
    },
    row('bpftrace: processor time per event', cpu.bpftrace, 'µs'),
    { ...row('usdt trace: the same', cpu.usdt, 'µs'), most: median(cpu.bpftrace) },
  ]);
}
