// Joins each package's modules into a few files: Node opens one file in the time it takes to import the library,
// where forty would take forty milliseconds. Not minified: people read it in stack traces.
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

const LIBRARY = 'packages/libusdt';

for (const file of ['index.js', 'codecs.js']) rmSync(`${LIBRARY}/dist/${file}`, { force: true });
await build({
  entryPoints: [`${LIBRARY}/src/index.ts`, `${LIBRARY}/src/codecs.ts`],
  outdir: `${LIBRARY}/dist`,
  bundle: true,
  splitting: true,
  chunkNames: 'shared',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
