/**
 * Bundlers, each as its users start it: everything that a program imports, in one file for Node.
 */

import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT } from './tarballs.ts';
import { runWell, tool, withoutTools } from './tools.ts';

export interface Bundler {
  readonly name: string;
  /** For `skip`. */
  readonly absent: string | false;
  /** How the bundle's name ends. */
  readonly extension: 'mjs' | 'cjs';
  /** Makes `output`, an absolute path, of a file of the project. */
  readonly bundle: (project: string, file: string, output: string) => Promise<unknown>;
}

function esbuild(format: 'esm' | 'cjs'): Bundler['bundle'] {
  const path = join(ROOT, 'node_modules/esbuild/bin/esbuild');
  return (project, file, output) => {
    // The installed program is a native one, or a script that starts it.
    const command = fs.readFileSync(path, 'latin1').startsWith('#!') ? [process.execPath, path] : [path];
    const flags = [
      '--bundle',
      '--platform=node',
      '--log-level=warning',
      '--log-override:empty-import-meta=error',
    ];
    return runWell([...command, file, ...flags, `--format=${format}`, `--outfile=${output}`], project);
  };
}

function rollup(project: string, file: string, output: string): Promise<unknown> {
  const plugins = ['node-resolve', 'commonjs'].flatMap((plugin) => {
    const path = tool(`@rollup/plugin-${plugin}/dist/es/index.js`);
    return ['--plugin', plugin === 'node-resolve' ? `${path}={preferBuiltins:true}` : path];
  });
  const command = [process.execPath, tool('rollup/dist/bin/rollup'), file];
  // A warning is a failure: an import that was not found is only one to rollup.
  return runWell(
    [...command, ...plugins, '--format', 'es', '--file', output, '--failAfterWarnings'],
    project,
  );
}

interface WebpackStats {
  hasErrors(): boolean;
  hasWarnings(): boolean;
  toString(): string;
}
type Webpack = (options: object, done: (error: Error | null, stats?: WebpackStats) => void) => void;

function webpack(project: string, file: string, output: string): Promise<unknown> {
  const run = createRequire(tool('x.js'))('webpack') as Webpack;
  const options = {
    context: project,
    entry: `./${file}`,
    target: 'node',
    mode: 'production',
    // That takes seconds; esbuild's bundles are minified.
    optimization: { minimize: false },
    output: { path: join(output, '..'), filename: output.slice(output.lastIndexOf('/') + 1) },
  };
  return new Promise((resolve, reject) => {
    run(options, (error, stats) => {
      if (error || stats?.hasErrors() || stats?.hasWarnings()) reject(error ?? new Error(String(stats)));
      else resolve(stats);
    });
  });
}

export const BUNDLERS: readonly Bundler[] = [
  { name: 'esbuild, as an ES module', absent: false, extension: 'mjs', bundle: esbuild('esm') },
  { name: 'esbuild, as CommonJS', absent: false, extension: 'cjs', bundle: esbuild('cjs') },
  { name: 'rollup', absent: withoutTools, extension: 'mjs', bundle: rollup },
  { name: 'webpack', absent: withoutTools, extension: 'cjs', bundle: webpack },
];
