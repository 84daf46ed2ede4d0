// One probe for each argument type, with its least and greatest values, and one for each number of arguments. It
// prints what a tracer has to see, waits until it is told that they are traced, and fires each case once.
//
// How a tracer has to read an argument: s8 to s64 and u8 to u64 are integers, `string` is the address of a text, and
// `bytes` the address of as many bytes as the next argument says.
import { createProvider } from 'libusdt';
import { print, untilEnabled, untilTold } from './common.mjs';

const bits = (value) => String(new BigUint64Array(Float64Array.of(value).buffer)[0]);

/** [C type, how to read it, [value, what is seen], ...] */
const TYPES = [
  ['int8_t', 's8', [-128, '-128'], [127, '127'], [200, '-56']],
  ['uint8_t', 'u8', [255, '255'], [-1, '255'], [256, '0']],
  ['int16_t', 's16', [-32768, '-32768'], [32767, '32767'], [40000, '-25536']],
  ['uint16_t', 'u16', [65535, '65535'], [-2, '65534']],
  ['int32_t', 's32', [-(2 ** 31), '-2147483648'], [2 ** 31 - 1, '2147483647'], [2.9, '2']],
  ['uint32_t', 'u32', [2 ** 32 - 1, '4294967295'], [-1, '4294967295'], [2 ** 31, '2147483648']],
  ['int64_t', 's64', [-(2n ** 63n), '-9223372036854775808'], [-1, '-1'], [2 ** 53, '9007199254740992']],
  ['uint64_t', 'u64', [2n ** 64n - 1n, '18446744073709551615'], [-1, '18446744073709551615']],
  ['char', 's8', [-1, '-1'], [65, '65']],
  ['signed char', 's8', [-2, '-2']],
  ['unsigned char', 'u8', [-2, '254']],
  ['short', 's16', [-3, '-3']],
  ['unsigned short', 'u16', [-3, '65533']],
  ['int', 's32', [-4, '-4'], [Number.NaN, '0']],
  ['unsigned', 'u32', [-4, '4294967292']],
  ['unsigned int', 'u32', [-5, '4294967291']],
  ['long', 's64', [-5, '-5']],
  ['unsigned long', 'u64', [-5, '18446744073709551611']],
  ['long long', 's64', [-6n, '-6']],
  ['unsigned long long', 'u64', [-6n, '18446744073709551610']],
  ['size_t', 'u64', [2 ** 40, '1099511627776']],
  ['ssize_t', 's64', [-(2 ** 40), '-1099511627776']],
  ['intptr_t', 's64', [-7, '-7']],
  ['uintptr_t', 'u64', [2n ** 63n, '9223372036854775808']],
  ['bool', 'u8', [true, '1'], [false, '0'], ['yes', '1']],
  ['float', 'u64', [1.5, bits(1.5)]],
  ['double', 'u64', [-0.1, bits(-0.1)], [Number.POSITIVE_INFINITY, bits(Infinity)]],
  ['int64_t*1000', 's64', [1.2345, '1235'], [-0.5, '-500']],
  ['int32_t*100', 's32', [12.34, '1234']],
  [
    'char *',
    'string',
    ['plain', 'plain'],
    ['grüße, 世界 👋', 'grüße, 世界 👋'],
    ['\ud800!', '\ufffd!'],
    ['cut\0off', 'cut'],
  ],
  ['const char *', 'string', ['é'.repeat(60), 'é'.repeat(60)]],
  ['json', 'string', [{ path: '/ä', n: [1, null] }, '{"path":"/ä","n":[1,null]}']],
];

const [, , filter = '.', name = 'arguments'] = process.argv;
const provider = createProvider(name);
const cases = [];

function define(name, types, reads, ...rows) {
  const probe = provider.addProbe(name, types);
  for (const [values, expected] of rows) cases.push({ probe, name, types, reads, values, expected });
}

for (const [n, [type, read, ...rows]] of TYPES.entries()) {
  define(`type-${n}`, [type], [read], ...rows.map(([value, seen]) => [[value], [seen]]));
}
define(
  'bytes',
  ['void *', 'size_t'],
  ['bytes', 'u64'],
  [
    [Uint8Array.of(0x61, 0, 0xff, 0x62), 4],
    ['a\\x00\\xffb', '4'],
  ],
);

for (let count = 0; count <= 12; count++) {
  // All bytes of a word differ, and no two words are the same.
  const values = Array.from(
    { length: count },
    (_, n) => 0x0102030405060708n + 0x1010101010101010n * BigInt(n),
  );
  define(
    `count-${count}`,
    values.map(() => 'uint64_t'),
    values.map(() => 'u64'),
    [values, values.map(String)],
  );
}
const MIXED = [
  'int8_t',
  'uint16_t',
  'int32_t',
  'uint8_t',
  'int64_t',
  'int16_t',
  'uint8_t',
  'int8_t',
  'uint16_t',
  'int32_t',
  'int16_t',
  'uint32_t',
];
const SEEN = ['-1', '65534', '-3', '252', '-5', '-6', '249', '-8', '65527', '-10', '-11', '4294967284'];
define(
  'mixed',
  MIXED,
  MIXED.map((type) => type.replace(/int(\d+)_t/, '$1').replace(/^(?=\d)/, 's')),
  [MIXED.map((_, n) => -n - 1), SEEN],
);

const { file } = provider.enable({ strict: true });
const text = ({ name, expected }) => [name.replace('-', '__'), ...expected].join(' ');
print({
  file,
  probes: cases.map(({ name, reads }) => ({ name: name.replace('-', '__'), reads })),
  events: cases.map(text),
});
const traced = new RegExp(filter);
const chosen = cases.filter(({ name }) => traced.test(name));
await untilTold(chosen.map(({ probe }) => probe));
for (const { probe, values } of chosen) probe.fire(...values);
print({ fired: chosen.map(text) });
await untilEnabled(
  chosen.map(({ probe }) => probe),
  false,
);
print({ enabled: false });
