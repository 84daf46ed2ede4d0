/**
 * Strings of every kind on their way through the engine: prints, for the main thread and for a worker, how many arguments were
 * compared with what Buffer makes of them, and those that differ.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createProvider } from 'libusdt';

/** Of the frame: the first argument word (packages/libusdt/src/abi/call-block.ts). */
const ARGS = 2;

const provider = createProvider('webapp');

/** A probe that fires although nobody traces it. */
function forced(types) {
  const probe = provider.addProbe(`texts-${types.length}-${types[0].length}`, types);
  provider.enable({ strict: true });
  probe.idle = ~probe.idle;
  return probe;
}

function textsOf(probe, count, lengths) {
  const { bytes, address } = probe.delivery.loaded.engine.frame;
  const words = new BigUint64Array(bytes.buffer);
  return lengths.map((length, slot) => {
    const at = Number(words[ARGS + count - lengths.length + slot] - address);
    return Buffer.from(bytes.slice(at, at + length + 1));
  });
}

const UNITS = [
  'a',
  'Z',
  '~',
  '\0',
  '\x7f',
  '\x80',
  'é',
  '\xff',
  'Ł',
  '߿',
  '€',
  '漢',
  '\uffff',
  '😀',
  '\ud83d',
  '\ude00',
];
const ascii = (length) =>
  Array.from({ length }, (_, index) => String.fromCharCode(33 + (index % 90))).join('');
const texts = [
  ...Array.from({ length: 70 }, (_, length) => ascii(length)),
  ...UNITS.flatMap((unit) =>
    [0, 1, 6, 7, 8, 9, 15, 16, 17, 40].map((before) => `${ascii(before)}${unit}end`),
  ),
  ...[500, 1000, 1249].flatMap((length) => [ascii(length), '€'.repeat(length)]),
  // Slices and joined strings, which V8 keeps as such.
  ascii(100).slice(20, 60),
  `${ascii(50)}${Math.random() < 2 ? 'x' : ''}${ascii(30)}`,
];

function check() {
  const wrong = [];
  let compared = 0;
  const same = (probe, count, ...given) => {
    const expected = given.map((text) => Buffer.from(`${text}\0`));
    const found = textsOf(
      probe,
      count,
      expected.map(({ length }) => length - 1),
    );
    for (const [index, text] of given.entries()) {
      compared++;
      if (!found[index].equals(expected[index]))
        wrong.push([text.slice(0, 80), found[index].toString('latin1').slice(0, 80)]);
    }
  };
  const [one, last, two, six] = [
    ['char *'],
    ['int', 'int', 'char *'],
    ['const char *', 'char *'],
    Array(6).fill('char *'),
  ].map(forced);
  for (const text of texts) {
    // Again, and after others: what is in a place must be known.
    for (const given of [text, text, 'GET', text]) {
      one.fire(given);
      same(one, 1, given);
      last.fire(1, 2, given);
      same(last, 3, given);
    }
  }
  const short = texts.filter(({ length }) => length < 200);
  for (const [index, text] of short.entries()) {
    const others = Array.from({ length: 5 }, (_, nth) => short[(index * (nth + 3) + nth) % short.length]);
    two.fire(text, others[0]);
    same(two, 2, text, others[0]);
    six.fire(text, ...others);
    same(six, 6, text, ...others);
  }
  return { compared, wrong };
}

if (isMainThread) {
  const main = check();
  const worker = await new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url));
    thread.once('message', resolve);
    thread.once('error', reject);
  });
  console.log(JSON.stringify({ main, worker }));
} else parentPort.postMessage(check());
provider.free();
