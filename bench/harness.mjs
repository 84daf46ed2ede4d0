/**
 * Measuring loops against each other, in one process.
 *
 * Ratios and differences matter here, and machines have neighbours: so every round runs all subjects one after the
 * other, each round in another order, and what is reported is the median over the rounds: of each subject's time, and
 * of the differences within a round; beside them the fastest tenth, since what disturbs a measurement on a shared
 * machine only ever adds to it. (mitata and tinybench measure one subject to its end before the next one starts:
 * a slow second then looks like a slow subject.)
 *
 * Dead code: every loop adds its counter to a sum that it returns, and the sums end up in `sink`, which is printed. The
 * empty loop is that addition alone. What a call does besides must be visible from outside (a load that a tracer may
 * change, a call of native code), or the compiler would be right to drop it.
 */

export const smoke = process.argv.includes('--smoke');

/** The fraction of rounds that are taken to be undisturbed. */
const BEST = 0.1;

/** Sum of all that the loops returned. */
let sink = 0;

const WARM_UP_ITERATIONS = smoke ? 100 : 20_000;
const WARM_UP_RUNS = smoke ? 1 : 20;
const ROUNDS = smoke ? 2 : 101;
/** How long one subject's turn takes: short enough to be undisturbed in most rounds, far above the clock's step. */
const TURN_NS = smoke ? 1000 : 4e6;

/**
 * @typedef {{ readonly name: string, readonly run: (count: number) => number }} Subject
 * A loop: `count` times the thing to be measured.
 */

/**
 * @param {readonly Subject[]} subjects the first is the base line.
 * @param {{ rounds?: number, turn?: number }} [options]
 * @returns {Map<string, { ns: number, above: number, low: number, high: number, best: number }>} by name: nanoseconds
 *   per iteration; above: beyond the base line's, with the quartiles of that; best: the same, of the fastest tenths.
 */
export function interleave(subjects, { rounds = ROUNDS, turn = TURN_NS } = {}) {
  for (let run = 0; run < WARM_UP_RUNS; run++) {
    for (const subject of subjects) sink += subject.run(WARM_UP_ITERATIONS);
  }
  const counts = subjects.map((subject) => {
    const ns = Math.min(...[0, 1, 2].map(() => time(subject, WARM_UP_ITERATIONS)));
    return Math.max(10, Math.round(turn / ns));
  });
  const times = subjects.map(() => new Float64Array(rounds));
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < subjects.length; place++) {
      const index = (place + round) % subjects.length;
      times[index][round] = time(subjects[index], counts[index]);
    }
  }
  const results = new Map();
  for (const [index, { name }] of subjects.entries()) {
    const differences = times[index].map((ns, round) => ns - times[0][round]);
    results.set(name, {
      ns: quantile(times[index], 0.5),
      above: quantile(differences, 0.5),
      low: quantile(differences, 0.25),
      high: quantile(differences, 0.75),
      best: quantile(times[index], BEST) - (index === 0 ? 0 : quantile(times[0], BEST)),
    });
  }
  return results;
}

function time(subject, count) {
  const start = process.hrtime.bigint();
  sink += subject.run(count);
  return Number(process.hrtime.bigint() - start) / count;
}

/** @param {ArrayLike<number>} values */
export function quantile(values, fraction) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
}

export function median(values) {
  return quantile(values, 0.5);
}

/** A row's numbers, from single measurements. */
export function spread(values) {
  return {
    value: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    best: quantile(values, BEST),
  };
}

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {number} [value] the median.
 * @property {number} [best] the fastest tenth.
 * @property {string} unit
 * @property {number} [most] the goal: `value` should not be above it.
 * @property {string} [note]
 * @property {string} [skipped] why there is no value.
 */

/**
 * What run.mjs reads: this file's rows, as the last line of the output.
 * @param {readonly Row[]} rows
 */
export function report(rows) {
  if (!Number.isFinite(sink)) throw new Error(`the loops returned ${sink}`);
  console.log(JSON.stringify({ rows, sink }));
}
