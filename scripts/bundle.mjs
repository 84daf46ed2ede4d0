// Joins each entry point's modules into one file: forty files take Node forty milliseconds to import, and a second one
// half a millisecond. Not minified: people read it in stack traces, and Node prints the whole
// line of an uncaught error. Without blanks and comments the import is as long; shorter names save half a millisecond.

import { isAscii } from 'node:buffer';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { build, transform } from 'esbuild';

const LIBRARY = 'packages/libusdt';
const NODE = 'packages/node';
const CLI = 'packages/cli';
const DROP_IN = 'packages/dtrace-provider';

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
};

// The shared file is named by its content: older ones would stay.
rmSync(`${LIBRARY}/dist/complete`, { recursive: true, force: true });
// For bundlers and browsers: everything, and each module once, whichever entry points a program imports.
await build({
  ...common,
  entryPoints: ['index', 'codecs', 'cache'].map((name) => `${LIBRARY}/src/${name}.ts`),
  outdir: `${LIBRARY}/dist/complete`,
  format: 'esm',
  splitting: true,
  chunkNames: 'shared-[hash]',
});
await build({
  ...common,
  entryPoints: ['cache', 'detached-mount'].map((name) => `${LIBRARY}/src/${name}.ts`),
  outdir: `${LIBRARY}/dist`,
  format: 'esm',
});
// What Node loads: one file, a third less to read than everything, with the rest in a file beside it. What few processes
// need is what the rooms' rare.ts export.
const rare = await rareFunctions();
await build({
  ...common,
  entryPoints: [`${LIBRARY}/src/index.ts`],
  outdir: `${LIBRARY}/dist`,
  format: 'esm',
  plugins: [{ name: 'rare parts on demand', setup: standIn }],
});
await build({
  ...common,
  stdin: {
    contents: [...rare.keys()].map((file) => `export * from ${JSON.stringify(file)};`).join('\n'),
    // For the source map, which may name only files that are there.
    sourcefile: `${LIBRARY}/src/runtime/on-demand.ts`,
    resolveDir: process.cwd(),
  },
  outfile: `${LIBRARY}/dist/rare.cjs`,
  format: 'cjs',
});
// The codecs in Node take the error class of the file above, so that it is one class. A file that both import would take
// each import of the library half a millisecond.
await build({
  ...common,
  entryPoints: [`${LIBRARY}/src/codecs.ts`],
  outdir: `${LIBRARY}/dist`,
  format: 'esm',
  plugins: [{ name: 'one class of errors', setup: takeErrors }],
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
  ...readdirSync(`${LIBRARY}/dist/complete`)
    .filter((file) => file.endsWith('.js'))
    .map((file) => `${LIBRARY}/dist/complete/${file}`),
  `${NODE}/dist/index.js`,
  `${DROP_IN}/dist/index.cjs`,
];
// An import of nothing, which esbuild writes to keep an order, is a warning to bundlers: the package has no side effects.
const NOTHING = /^import ".\/shared-\w+\.js";$/gm;
for (const file of fired) {
  writeFileSync(file, (await withConstants(readFileSync(file, 'utf8'))).replace(NOTHING, ''));
}
for (const name of ['index', 'provider']) {
  const declarations = readFileSync(`${DROP_IN}/dist/${name}.d.ts`, 'utf8');
  writeFileSync(`${DROP_IN}/dist/${name}.d.cts`, declarations.replace(/(from '\.\/\w+)\.ts'/g, "$1.cjs'"));
}

// What programs import of the command's package. They share the library with it, and the two entry points a file.
await build({
  ...common,
  entryPoints: [`${CLI}/src/sources/kernel/tracer.ts`, `${CLI}/src/catalogue/index.ts`],
  outdir: `${CLI}/dist`,
  external: ['libusdt'],
  format: 'esm',
  splitting: true,
  chunkNames: 'shared',
});

// The command: a file for each of its commands, with all that this one needs, and main.cjs for when none runs. CommonJS,
// since Node's loader of ES modules takes a tenth of Node's own start. What is hardly ever needed is in a file of its own.
const commands = readdirSync(`${CLI}/src/commands`).map((file) => basename(file, '.ts'));
const { outputFiles, metafile } = await build({
  ...common,
  entryPoints: [
    { in: `${CLI}/src/start.ts`, out: 'usdt-start' },
    { in: 'usdt', out: 'main' },
    ...commands.map((name) => ({ in: `usdt:${name}`, out: name })),
    { in: `${CLI}/src/catalogue/guarded-child.ts`, out: 'guarded-child' },
    { in: `${CLI}/src/import-module.ts`, out: 'import-module' },
    { in: `${LIBRARY}/src/detached-mount.ts`, out: 'detached-mount' },
  ],
  outdir: `${CLI}/dist`,
  outExtension: { '.js': '.cjs' },
  alias: {
    libusdt: `./${LIBRARY}/src/index.ts`,
    'libusdt/cache': `./${LIBRARY}/src/cache.ts`,
    'libusdt/codecs': `./${LIBRARY}/src/codecs.ts`,
  },
  define: { 'import.meta.dirname': '__dirname' },
  // Of one command only, and larger than all the others.
  external: ['prom-client'],
  plugins: [{ name: 'usdt', setup: resolveForCommand }],
  format: 'cjs',
  sourcemap: false,
  metafile: true,
  write: false,
});
for (const { path, text } of outputFiles) {
  const { inputs } = metafile.outputs[`${CLI}/dist/${basename(path)}`];
  writeFileSync(path, withoutCopies(text) + licencesOf(Object.keys(inputs)));
}

/** By file, as an absolute path: the names of what the rare.ts of each room exports. */
async function rareFunctions() {
  const files = readdirSync(`${LIBRARY}/src`, { recursive: true })
    .filter((file) => basename(file) === 'rare.ts')
    .sort();
  const { metafile } = await build({
    ...common,
    entryPoints: files.map((file) => `${LIBRARY}/src/${file}`),
    outdir: `${LIBRARY}/dist`,
    format: 'esm',
    metafile: true,
    write: false,
  });
  const outputs = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint);
  const names = outputs.flatMap(({ exports }) => exports);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two rare.ts export ${twice}`);
  return new Map(outputs.map(({ entryPoint, exports }) => [resolve(entryPoint), exports]));
}

function standIn({ onLoad }) {
  const onDemand = JSON.stringify(resolve(`${LIBRARY}/src/runtime/on-demand.ts`));
  onLoad({ filter: /[\\/]rare\.ts$/ }, ({ path }) => ({
    contents: [
      `import { onDemand } from ${onDemand};`,
      ...rare.get(path).map((name) => `export const ${name} = onDemand('${name}');`),
    ].join('\n'),
  }));
}

function takeErrors({ onResolve }) {
  const errors = resolve(`${LIBRARY}/src/model/errors.ts`);
  onResolve({ filter: /\/errors\.ts$/ }, ({ path, resolveDir }) =>
    resolve(resolveDir, path) === errors ? { path: './index.js', external: true } : undefined,
  );
}

function resolveForCommand({ onResolve, onLoad }) {
  onResolve({ filter: /^usdt(:\w+)?$/ }, ({ path }) => ({ path, namespace: 'command' }));
  onLoad({ filter: /.*/, namespace: 'command' }, ({ path }) => {
    const [, name] = path.split(':');
    const contents =
      name === undefined
        ? "import { main } from './main.ts'; void main();"
        : `import { define } from './commands/${name}.ts'; import { main } from './main.ts'; void main({ name: '${name}', define });`;
    return { contents, resolveDir: `${CLI}/src` };
  });

  // What is loaded when it is needed: where tracefs is not mounted, for a definition that is a module, and for names that
  // are not ASCII.
  const lazy = {
    'libusdt/detached-mount':
      "export const mountDetached = (type) => require('./detached-mount.cjs').mountDetached(type);",
    '../import-module.ts':
      "export const importModule = (url) => require('./import-module.cjs').importModule(url);",
    'string-width': "export default (text) => require('string-width')(text);",
  };
  onResolve({ filter: /^\.\/[\w-]+\.cjs$/ }, ({ path }) => ({ path, external: true }));
  onResolve({ filter: /./ }, ({ path, namespace }) =>
    namespace !== 'lazy' && Object.hasOwn(lazy, path) ? { path, namespace: 'lazy' } : undefined,
  );
  onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
    contents: lazy[path],
    resolveDir: process.cwd(),
  }));

  // Commander starts commands that are programs of their own with it, which ours are not. It takes three milliseconds.
  onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
    /\/commander\//.test(importer) ? { path, namespace: 'unused' } : undefined,
  );
  onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: '' }));
}

/** esbuild copies a module of Node's with a getter for each of its functions, for importers of a default that we have none of. */
function withoutCopies(text) {
  const direct = text.replaceAll(/__toESM\((require\("node:[\w/]+"\))(?:, 1)?\)/g, '$1');
  const [used] = /\bimport_node_\w+\.default\b/.exec(direct) ?? [];
  if (used !== undefined) throw new Error(`${used}: import what is needed of it by name`);
  // What compiled.ts can't run.
  if (!isAscii(Buffer.from(direct))) throw new Error('a character beyond ASCII');
  if (/\bimport\(/.test(direct) && !direct.includes('packages/cli/src/import-module.ts'))
    throw new Error('import() of a module: see import-module.ts');
  return direct;
}

/** Whoever passes on a package's code has to pass on its licence. */
function licencesOf(files) {
  const packages = new Set(
    files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  return [...packages]
    .map((name) => {
      const folder = `node_modules/${name}`;
      const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
      return `\n/*! ${name}\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n*/\n`;
    })
    .join('');
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
