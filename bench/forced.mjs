/**
 * What `fire` costs once somebody traces, without the tracer's own trap: the arguments are converted, and the probe's
 * C function is called. Against the usual addon, and against koffi.
 *
 * The probe is made to believe that it is traced: it is told a wrong value for what its code looks like when idle.
 */
import { createRequire } from 'node:module';
import koffi from 'koffi';
import { interleave, report } from './harness.mjs';
import { compileAddon, library, temporaryFolder } from './tools.mjs';

process.env.LIBUSDT_DIR = temporaryFolder();
const { createProvider } = await import(library);

const provider = createProvider('bench');
const ints = force(provider.addProbe('ints', ['int', 'int', 'int']));
const text = force(provider.addProbe('text', ['char *']));

function force(probe) {
  provider.enable({ strict: true });
  probe.idle = ~probe.idle;
  if (!probe.enabled) throw new Error('the probe does not believe that it is traced');
  return probe;
}

const file = compileAddon();
const addon = createRequire(import.meta.url)(file);
const shared = koffi.load(file);
const koffiInts = shared.func('void take_ints(int32_t a, int32_t b, int32_t c)');
const koffiString = shared.func('void take_string(const char *text)');

/** Strings of 20, 60 and 4 characters, several: nothing is to be gained from having seen one before. */
const TEXTS = Array.from({ length: 16 }, (_, n) => `request number ${10_000 + n}`);
const LONG = Array.from(
  { length: 16 },
  (_, n) => `/shop/articles/${n + 10}/reviews?sort=newest&language=en&page=12345`,
);
const SHORT = Array.from({ length: 16 }, (_, n) => `n${100 + n}`);

function loop(name, run) {
  return { name, run };
}

const subjects = [
  loop('empty loop', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum = (sum + i) | 0;
    return sum;
  }),
  loop('libusdt, 3 ints', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      ints.fire(i, i + 1, i + 2);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('Node-API addon, 3 ints', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      addon.fireInts(i, i + 1, i + 2);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('koffi, 3 ints', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      koffiInts(i, i + 1, i + 2);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('libusdt, string of 20', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      text.fire(TEXTS[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('Node-API addon, string of 20', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      addon.fireString(TEXTS[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('koffi, string of 20', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      koffiString(TEXTS[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('libusdt, string of 60', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      text.fire(LONG[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('Node-API addon, string of 60', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      addon.fireString(LONG[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('libusdt, string of 4', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      text.fire(SHORT[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('Node-API addon, string of 4', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      addon.fireString(SHORT[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
  loop('koffi, string of 4', (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      koffiString(SHORT[i & 15]);
      sum = (sum + i) | 0;
    }
    return sum;
  }),
];

const results = interleave(subjects);
const above = (name) => results.get(name).above;
const most = {
  'libusdt, 3 ints': Math.min(30, above('Node-API addon, 3 ints'), above('koffi, 3 ints')),
  'libusdt, string of 20': Math.min(80, above('Node-API addon, string of 20'), above('koffi, string of 20')),
};
const rows = [];
for (const [name, { ns, above, low, high, best }] of results) {
  if (name === 'empty loop') rows.push({ what: name, value: ns, best, unit: 'ns' });
  else rows.push({ what: name, value: above, low, high, best, unit: 'ns above it', most: most[name] });
}
report(rows);
provider.free();
