/** What `fire` costs while nobody traces, with arguments that the program has at hand: to compute them is its own cost. */
import { createRequire } from 'node:module';
import { interleave, report } from './harness.mjs';
import { dropIn, library, temporaryFolder } from './tools.mjs';

process.env.LIBUSDT_DIR = temporaryFolder();
const { createProvider } = await import(library);
const require = createRequire(import.meta.url);

const provider = createProvider('bench');
const ints = provider.addProbe('ints', ['int', 'int', 'int']);
const text = provider.addProbe('text', ['char *']);
const many = Array.from({ length: 8 }, (_, n) => provider.addProbe(`many-${n}`, ['int', 'int', 'int']));
provider.enable({ strict: true });

const [stub, standIn] = ['dtrace-provider', dropIn].map((name) => {
  const theirs = require(name).createDTraceProvider('bench');
  const probe = theirs.addProbe('ints', 'int', 'int', 'int');
  theirs.enable();
  return probe;
});
const listed = (a, b, c) => [a, b, c];

// Assigned once more than `const` would allow, so that the compiler can't take it for a constant.
let flag = true;
flag = process.argv.length > 1000;
let flagged = 0;
/** The same eight times, in objects that are found in an array, as probes may be. */
const flags = Array.from({ length: 8 }, () => ({ on: flag, reason: 'nobody asked' }));
flags[7].on = process.argv.length > 1000;

const TEXT = 'a string of 20 chars';

const subjects = [
  {
    name: 'empty loop',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) sum = (sum + i) | 0;
      return sum;
    },
  },
  {
    name: 'if (flag)',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        if (flag) flagged++;
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
  {
    name: 'if (flags[n].on), of 8 in turn, found in an array',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        if (flags[i & 7].on) flagged++;
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
  {
    name: 'fire(int, int, int)',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        ints.fire(i, count, sum);
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
  {
    name: 'fire(string)',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        text.fire(TEXT);
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
  {
    name: 'fire(int, int, int) of 8 probes in turn, found in an array',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        many[i & 7].fire(i, count, sum);
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
  {
    name: 'dtrace-provider (stub), fire(() => [int, int, int])',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        stub.fire(() => [i, count, sum]);
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
  {
    name: 'our dtrace-provider, fire(() => [int, int, int])',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        standIn.fire(() => [i, count, sum]);
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
  {
    name: 'our dtrace-provider, fire(callback, int, int, int)',
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        standIn.fire(listed, i, count, sum);
        sum = (sum + i) | 0;
      }
      return sum;
    },
  },
];

const results = interleave(subjects);
/** What `if (flag)` costs is the least that a check can cost: https://github.com/chrisa/libusdt has no number, these are the project's goals. */
const flagCosts = results.get('if (flag)').above;
const GOALS = {
  'fire(int, int, int)': 1.25 * flagCosts,
  'fire(string)': 1.25 * flagCosts,
  'fire(int, int, int) of 8 probes in turn, found in an array':
    1.25 * results.get('if (flags[n].on), of 8 in turn, found in an array').above,
  'our dtrace-provider, fire(callback, int, int, int)': 1.6 * flagCosts,
};

const rows = [];
for (const [name, { ns, above, low, high, best }] of results) {
  if (name === 'empty loop') rows.push({ what: name, value: ns, best, unit: 'ns' });
  else rows.push({ what: name, value: above, low, high, best, unit: 'ns above it', most: GOALS[name] });
}
report(rows);
provider.free();
if (flagged !== 0) throw new Error('the flag was to be false');
