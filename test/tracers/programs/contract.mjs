// What the C library's test program does (test_usdt.c of https://github.com/chrisa/libusdt): a probe with a given function,
// name and types, `c` for a one-letter string and `i` for an int; enabled, fired if it is traced, disabled. Its script
// runs that for 0 to 32 of one type. Here are all of these probes in one provider, with mixtures too, and they come
// back after disable() and fire once more.
//
// Arguments: which probes (a regular expression), and `told` to wait for the word "go".
import { createProvider } from 'libusdt';
import { print, untilEnabled, untilTold } from './common.mjs';

const [, , filter = '.', told] = process.argv;
const provider = createProvider('testlibusdt', { module: 'modname' });
const TYPES = { c: 'char *', i: 'int' };
const probes = [];

for (const pattern of ['c', 'i', 'ci', 'ic']) {
  for (let count = 0; count <= 32; count++) {
    const name = `${pattern}-${count}`;
    if (!new RegExp(filter).test(name)) continue;
    const kinds = pattern.repeat(count).slice(0, count).split('');
    const shape = { function: `type${pattern}`, args: kinds.map((kind) => TYPES[kind]) };
    const probe = provider.addProbe(name, shape);
    const values = kinds.map((kind, n) => (kind === 'c' ? String.fromCharCode(65 + n) : n + 1));
    probes.push({ probe, name, function: shape.function, kinds: kinds.join(''), values });
  }
}
const handles = probes.map(({ probe }) => probe);

for (const round of [1, 2]) {
  const { file } = provider.enable({ strict: true });
  print({ file, probes: probes.map(({ probe: _, ...rest }) => rest) });
  if (round === 1 && told) await untilTold(handles);
  else await untilEnabled(handles);
  for (const { probe, values } of probes) if (probe.enabled) probe.fire(...values);
  provider.disable();
  print({ enabled: handles.filter((probe) => probe.enabled).length });
}
provider.free();
