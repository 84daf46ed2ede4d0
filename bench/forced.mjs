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
const mixed = force(provider.addProbe('mixed', ['int', 'int', 'char *']));

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

/** Strings of so many characters, several: nothing is to be gained from having seen one before. */
const TEXTS = {
  4: Array.from({ length: 16 }, (_, n) => `n${100 + n}`),
  20: Array.from({ length: 16 }, (_, n) => `request number ${10_000 + n}`),
  60: Array.from(
    { length: 16 },
    (_, n) => `/shop/articles/${n + 10}/reviews?sort=newest&language=en&page=12345`,
  ),
};

/** A loop of its own for each subject, so that V8 compiles it for that alone. */
function loop(name, call) {
  const parameters = ['ints', 'text', 'mixed', 'addon', 'koffiInts', 'koffiString', 'texts'];
  const make = new Function(
    ...parameters,
    `return (count) => {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        ${call};
        sum = (sum + i) | 0;
      }
      return sum;
    };`,
  );
  return { name, run: make(ints, text, mixed, addon, koffiInts, koffiString, TEXTS) };
}

const subjects = [
  loop('empty loop', ''),
  loop('libusdt, 3 ints', 'ints.fire(i, i + 1, i + 2)'),
  loop('Node-API addon, 3 ints', 'addon.fireInts(i, i + 1, i + 2)'),
  loop('koffi, 3 ints', 'koffiInts(i, i + 1, i + 2)'),
  ...[4, 20, 60].flatMap((length) => [
    loop(`libusdt, string of ${length}`, `text.fire(texts[${length}][i & 15])`),
    loop(`libusdt, string of ${length}, always the same`, `text.fire(texts[${length}][3])`),
    loop(`Node-API addon, string of ${length}`, `addon.fireString(texts[${length}][i & 15])`),
    loop(`koffi, string of ${length}`, `koffiString(texts[${length}][i & 15])`),
  ]),
  loop('libusdt, int, int, string of 20', 'mixed.fire(i, i + 1, texts[20][i & 15])'),
  loop('libusdt, int, int, string of 20, always the same', 'mixed.fire(i, i + 1, texts[20][3])'),
  loop('Node-API addon, int, int, string of 20', 'addon.fireMixed(i, i + 1, texts[20][i & 15])'),
];

const results = interleave(subjects);
const above = (name) => results.get(name).above;
const most = {
  'libusdt, 3 ints': Math.min(30, above('Node-API addon, 3 ints'), above('koffi, 3 ints')),
};
/** Of what the addon takes for strings that change; those that don't are to cost less. */
const ALLOWANCE = 1.15;
for (const what of ['string of 4', 'string of 20', 'string of 60', 'int, int, string of 20']) {
  const theirs = above(`Node-API addon, ${what}`);
  most[`libusdt, ${what}`] = ALLOWANCE * theirs;
  most[`libusdt, ${what}, always the same`] = theirs;
}
const rows = [];
for (const [name, { ns, above, low, high, best }] of results) {
  if (name === 'empty loop') rows.push({ what: name, value: ns, best, unit: 'ns' });
  else rows.push({ what: name, value: above, low, high, best, unit: 'ns above it', most: most[name] });
}
report(rows);
provider.free();
