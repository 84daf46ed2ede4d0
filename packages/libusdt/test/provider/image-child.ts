/** A program with an image of its own: prints its status and what is in its memory. Usage: image-child.ts IMAGE [TMPDIR] */
import { readFileSync } from 'node:fs';
import { createProvider } from '../../src/index.ts';

if (process.argv[3]) process.env.TMPDIR = process.argv[3];
const web = createProvider('webapp', {
  probes: { 'request-start': ['uint32_t', 'char *'], 'request-done': ['uint32_t', 'uint16_t'] },
  image: process.argv[2]!,
});
const status = web.enable();
web.probes['request-start'].fire(1, '/');
const maps = readFileSync('/proc/self/maps', 'latin1');
console.log(
  JSON.stringify({ status, mapped: [...new Set(maps.match(/\/\S*\/(libusdt-|engine|webapp)\S*\.so.*$/gm))] }),
);
