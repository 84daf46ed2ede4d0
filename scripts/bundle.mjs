// Joins each entry point's modules into one file: forty files take Node forty milliseconds to import, and a second one
// that holds what two entry points share takes two. Not minified: people read it in stack traces, and Node prints the whole
// line of an uncaught error. Without blanks and comments the import is as long; shorter names save half a millisecond.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build, transform } from 'esbuild';

const LIBRARY = 'packages/libusdt';
const NODE = 'packages/node';
const DROP_IN = 'packages/dtrace-provider';

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
};

for (const file of ['shared.js', 'shared.js.map']) rmSync(`${LIBRARY}/dist/${file}`, { force: true });
await build({
  ...common,
  entryPoints: {
    complete: `${LIBRARY}/src/index.ts`,
    codecs: `${LIBRARY}/src/codecs.ts`,
    'detached-mount': `${LIBRARY}/src/detached-mount.ts`,
  },
  outdir: `${LIBRARY}/dist`,
  format: 'esm',
});
// What Node loads: a third less to read, with the rest in a file beside it. Bundlers take complete.js, as package.json says.
const onDemand = {
  name: 'rare parts on demand',
  setup({ onResolve }) {
    const path = resolve(`${LIBRARY}/src/rare-on-demand.ts`);
    onResolve({ filter: /\/rare\.ts$/ }, () => ({ path }));
  },
};
await build({
  ...common,
  entryPoints: [`${LIBRARY}/src/index.ts`],
  outdir: `${LIBRARY}/dist`,
  format: 'esm',
  plugins: [onDemand],
});
await build({
  ...common,
  entryPoints: [`${LIBRARY}/src/rare.ts`],
  outfile: `${LIBRARY}/dist/rare.cjs`,
  format: 'cjs',
});

// A program shares the library with these.
await build({
  ...common,
  entryPoints: [`${NODE}/src/index.ts`, `${NODE}/src/bridge/index.ts`],
  outdir: `${NODE}/dist`,
  external: ['libusdt'],
  format: 'esm',
});

// The drop-in is CommonJS, as what it stands in for, with the library inside: it works wherever that did, also under
// tools that can't require() an ES module. The footer takes the mark of an ES module away: `import dtp from` then means
// module.exports to every tool, as it does to Node.
await build({
  ...common,
  entryPoints: [`${DROP_IN}/src/index.ts`],
  outfile: `${DROP_IN}/dist/index.cjs`,
  alias: { libusdt: `./${LIBRARY}/src/index.ts` },
  format: 'cjs',
  footer: { js: 'module.exports = { ...module.exports };' },
});
const fired = [
  `${LIBRARY}/dist/index.js`,
  `${LIBRARY}/dist/complete.js`,
  `${NODE}/dist/index.js`,
  `${DROP_IN}/dist/index.cjs`,
];
for (const file of fired) {
  writeFileSync(file, await withConstants(readFileSync(file, 'utf8')));
}
for (const name of ['index', 'provider']) {
  const declarations = readFileSync(`${DROP_IN}/dist/${name}.d.ts`, 'utf8');
  writeFileSync(`${DROP_IN}/dist/${name}.d.cts`, declarations.replace(/(from '\.\/\w+)\.ts'/g, "$1.cjs'"));
}

/**
 * esbuild makes a `var` of each top-level `const`. V8 compiles the value of a constant into the code that uses it, but loads and
 * checks a variable each time: that is a tenth of what a traced `fire` costs. So what is never assigned again becomes a constant again.
 */
async function withConstants(code) {
  const constant = (text, but) =>
    text.replace(/^var (?=([\w$]+) = )/gm, (all, name) => (but.has(name) ? all : 'const '));
  const { warnings } = await transform(constant(code, new Set()), { logLevel: 'silent' });
  const assigned = warnings.filter(({ id }) => id === 'assign-to-constant');
  return constant(code, new Set(assigned.map(({ text }) => /"(.+?)"/.exec(text)[1])));
}
