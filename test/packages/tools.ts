/**
 * Package managers, compilers and bundlers of test/installed, and projects that use the tarballs.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { installedPackages, withoutPackages } from '../support/installed.ts';
import { absent } from '../support/needs.ts';
import { findRuntime } from '../support/runtimes.ts';
import type { Tarball } from './tarballs.ts';

export const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));

/** For one installation or one program, in milliseconds. */
const PATIENCE = 180_000;

const folder = installedPackages('tools');

/** For `skip`: false if the tools are installed. */
export const withoutTools: string | false = withoutPackages('tools');

/** A file of the tools. */
export function tool(path: string): string {
  return join(folder ?? '', path);
}

export interface Output {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment without what says that this is a test, or CI: package managers behave differently there. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter(
    (name) => !/^(CI|NODE_OPTIONS|NODE_TEST_CONTEXT|npm_.*)$/.test(name),
  );
  return { ...Object.fromEntries(names.map((name) => [name, process.env[name]])), ...env };
}

/** Runs a command to its end. */
export async function run(
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Output> {
  const [program, ...args] = command;
  const child = spawn(program!, args, {
    cwd,
    env: environment(env),
    timeout: PATIENCE,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status: child.exitCode, stdout, stderr };
}

/** The same; it must end well. */
export async function runWell(
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(command, cwd, env);
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** Makes a project that depends on all tarballs, and on what `more` names. */
export function makeProject(
  path: string,
  tarballs: readonly Tarball[],
  more: Readonly<Record<string, string>> = {},
): void {
  fs.mkdirSync(path);
  const dependencies = Object.fromEntries(tarballs.map(({ name, version }) => [name, version]));
  const manifest = {
    name: 'shop',
    private: true,
    type: 'module',
    dependencies: { ...dependencies, ...more },
  };
  fs.writeFileSync(join(path, 'package.json'), JSON.stringify(manifest));
  for (const name of fs.readdirSync(program(''))) fs.copyFileSync(program(name), join(path, name));
}

export interface PackageManager {
  readonly name: string;
  /** For `skip`. */
  readonly absent: string | false;
  /** The configuration, by file, that makes it use a registry. It keeps what it downloads inside the project. */
  readonly files: (registry: string) => Readonly<Record<string, string>>;
  readonly install: readonly string[];
  /** Comes before the name of a program. */
  readonly start: readonly string[];
  /** The same for CommonJS, if it is another, or why that can't be run. */
  readonly startCommonJs?: readonly string[] | string;
  readonly env?: Readonly<Record<string, string>>;
}

const node = [process.execPath];
const npmrc = (registry: string): Readonly<Record<string, string>> => ({
  '.npmrc': `registry=${registry}\n`,
});
const pnpm = tool('@pnpm/exe.linux-x64/pnpm');
const yarn1 = [process.execPath, tool('yarn/bin/yarn.js')];
const yarn = [process.execPath, tool('@yarnpkg/cli-dist/bin/yarn.js')];

function yarnWith(nodeLinker: string): Pick<PackageManager, 'files' | 'install' | 'absent' | 'env'> {
  return {
    absent: withoutTools,
    files: (registry) => ({
      // JSON is YAML. A lock file makes the folder a project of its own, whatever is above it.
      '.yarnrc.yml': JSON.stringify({
        nodeLinker,
        npmRegistryServer: registry,
        unsafeHttpWhitelist: ['127.0.0.1'],
        enableGlobalCache: false,
        enableTelemetry: false,
      }),
      'yarn.lock': '',
    }),
    install: [...yarn, 'install'],
    env: { YARN_GLOBAL_FOLDER: '.yarn-global' },
  };
}

function runtime(name: 'bun' | 'deno' | 'node22'): readonly string[] | string {
  const found = findRuntime(name);
  return typeof found === 'string' ? found : found.command;
}

const bun = runtime('bun');
const deno = runtime('deno');

/**
 * What Plug'n'Play resolves for `require()` of an ES module that imports another package: with Node 20 nothing, since
 * Node asks no loader then.
 */
function plugAndPlayForCommonJs(): readonly string[] | string {
  const [, script] = yarn;
  const found = Number.parseInt(process.versions.node, 10) < 22 ? runtime('node22') : node;
  return typeof found === 'string' ? found : [...found, script!, 'node'];
}

export const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    name: 'npm',
    absent: false,
    files: npmrc,
    install: ['npm', 'install', '--no-audit', '--no-fund', '--cache', '.cache'],
    start: node,
  },
  {
    name: 'pnpm',
    absent: withoutTools || (fs.existsSync(pnpm) ? false : absent('pnpm for this processor')),
    files: npmrc,
    install: [pnpm, 'install', '--store-dir', '.store'],
    start: node,
  },
  {
    name: 'yarn 1',
    absent: withoutTools,
    files: npmrc,
    install: [...yarn1, 'install', '--non-interactive', '--cache-folder', '.cache'],
    start: node,
  },
  { name: 'yarn with node_modules', ...yarnWith('node-modules'), start: node },
  {
    name: "yarn with Plug'n'Play",
    ...yarnWith('pnp'),
    start: [...yarn, 'node'],
    startCommonJs: plugAndPlayForCommonJs(),
  },
  {
    name: 'Bun',
    absent: typeof bun === 'string' ? bun : false,
    files: npmrc,
    install: [...bun, 'install'],
    start: [...bun],
    env: { BUN_INSTALL_CACHE_DIR: '.cache' },
  },
  {
    name: 'Deno',
    absent: typeof deno === 'string' ? deno : false,
    files: npmrc,
    install: [deno[0]!, 'install', '--quiet'],
    start: [...deno],
    env: { DENO_DIR: '.deno' },
  },
];
