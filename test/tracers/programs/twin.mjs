// What native/twin.c does, in JavaScript.
import { createProvider } from 'libusdt';
import { print, untilTold } from './common.mjs';

const ROWS = [
  [-128, 255, -32768, 65535, -(2 ** 31), 2n ** 64n - 1n, 'plain'],
  [127, 128, 32767, 32768, 2 ** 31 - 1, 1n, 'grüße, 世界'],
  [-1, 1, -1, 1, -1, 2n ** 63n, ''],
];
const twin = createProvider('twin', {
  probes: {
    begin: [],
    numbers: ['int8_t', 'uint8_t', 'int16_t', 'uint16_t', 'int32_t', 'uint64_t'],
    'text-and-number': ['const char *', 'int32_t'],
  },
});
const { begin, numbers, 'text-and-number': both } = twin.probes;
const { file } = twin.enable({ strict: true });
print({ file });
await untilTold([begin, numbers, both]);
for (const [a, b, c, d, e, f, text] of ROWS) {
  begin.fire();
  numbers.fire(a, b, c, d, e, f);
  both.fire(text, e);
}
print({ fired: true });
