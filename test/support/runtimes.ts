/**
 * The runtimes of test/installed/runtimes, and programs that run on them.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './folders.ts';
import { installedNodeI386, installedPackages } from './installed.ts';
import { absent, unusable, without, withoutRoot } from './needs.ts';
import { kill } from './processes.ts';
import { PATIENCE } from './wait.ts';

/** A way to run a JavaScript file. */
export interface Runtime {
  /** The program and the arguments that come before the file. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
}

export const program = (name: string): string =>
  fileURLToPath(new URL(`../runtimes/programs/${name}`, import.meta.url));

/** For `skip`: false where bpftrace can attach. */
export function withoutBpftrace(): string | false {
  return withoutRoot('for bpftrace') || without('bpftrace');
}

type Name =
  | 'node20'
  | 'node22'
  | 'node24'
  | 'node26'
  | 'bun'
  | 'deno'
  | 'node-arm64'
  | 'node-i386'
  | 'bun-musl';

/** The cross libraries of Debian's libstdc++6-arm64-cross. */
const ARM64_ROOT = '/usr/aarch64-linux-gnu';
const MUSL_LOADER = '/lib/ld-musl-x86_64.so.1';

/** A runtime, or why it is not here or does not start, for `skip`. */
export function findRuntime(name: Name): Runtime | string {
  const runtime = locateRuntime(name);
  return typeof runtime === 'string' ? runtime : (obstacleTo(name, runtime) ?? runtime);
}

/** Why a runtime that is here does not start, for example for want of a library. */
function obstacleTo(name: Name, { command: [command, ...before], env }: Runtime): string | undefined {
  // Deno takes --version before what it runs, sh after the script.
  const args = name === 'deno' ? ['--version'] : [...before, '--version'];
  const options = { encoding: 'utf8', env: { ...process.env, ...env }, timeout: PATIENCE } as const;
  const { status, signal, stderr, error } = spawnSync(command, args, options);
  if (status === 0) return undefined;
  const why = error?.message ?? stderr.trim().split('\n').at(-1);
  return unusable(`${name} is installed but does not start (${status ?? signal}): ${why}`);
}

function locateRuntime(name: Name): Runtime | string {
  if (name === 'node20') return { command: [process.execPath] };
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on x64';
  if (name === 'node-i386') return findNodeI386();
  const folder = installedPackages('runtimes');
  if (folder === undefined) return absent(`${name} from npm (scripts/test-packages.sh)`);
  switch (name) {
    case 'node22':
    case 'node24':
    case 'node26':
      return { command: [join(folder, name, 'bin/node')] };
    case 'bun':
      return { command: [join(folder, 'bun/bin/bun')] };
    case 'deno': {
      // The least that publishing and loading need; see docs/security.md.
      const rights = ['--allow-ffi', '--allow-read', '--allow-write', '--allow-env', '--allow-sys'];
      return { command: [join(folder, 'deno/deno'), 'run', '--quiet', '--no-prompt', ...rights] };
    }
    case 'node-arm64': {
      const missing = without('qemu-aarch64-static');
      if (missing) return missing;
      if (!existsSync(join(ARM64_ROOT, 'lib/libstdc++.so.6'))) return absent('libstdc++6-arm64-cross');
      return { command: ['qemu-aarch64-static', '-L', ARM64_ROOT, join(folder, 'node-arm64/bin/node')] };
    }
    case 'bun-musl': {
      const missing = without('musl-gcc') || (!existsSync(MUSL_LOADER) && absent('musl'));
      if (missing) return missing;
      return {
        command: [join(folder, 'bun-musl/bin/bun')],
        env: { LD_LIBRARY_PATH: muslLibraries() },
      };
    }
  }
}

/** Debian's, on kernels that run i386 programs: tracers can attach to it. */
function findNodeI386(): Runtime | string {
  if (!existsSync('/proc/sys/abi/vsyscall32')) return 'needs a kernel that runs i386 programs';
  const reason = withoutRoot('for a mount that Node for i386 needs');
  if (reason) return reason;
  const root = installedNodeI386();
  if (root === undefined) return absent('Node for i386 from Debian (scripts/test-packages.sh)');
  return { command: ['sh', fileURLToPath(new URL('../runtimes/node-i386.sh', import.meta.url)), root] };
}

/** A folder with the C++ libraries that Bun for musl needs: Debian's, and what these want of glibc. */
function muslLibraries(): string {
  const folder = temporaryFolder();
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) {
    const path = execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
    copyFileSync(path, join(folder, name));
  }
  const source = fileURLToPath(new URL('../runtimes/musl/glibc-shim.c', import.meta.url));
  const shim = join(folder, 'ld-linux-x86-64.so.2');
  execFileSync('musl-gcc', ['-O1', '-Wall', '-Werror', '-shared', '-fPIC', '-o', shim, source]);
  return folder;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Of the runtime, before the file. */
  readonly flags?: readonly string[];
  readonly args?: readonly string[];
  readonly cwd?: string;
}

function environment({ env = {} }: Runtime, options: RunOptions): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...inherited } = process.env;
  return { ...inherited, ...env, ...options.env };
}

/** Runs a file to its end. */
export function run(runtime: Runtime, file: string, options: RunOptions = {}): SpawnSyncReturns<string> {
  const { flags = [], args = [], cwd } = options;
  const [command, ...before] = runtime.command;
  return spawnSync(command, [...before, ...flags, file, ...args], {
    encoding: 'utf8',
    env: environment(runtime, options),
    cwd,
    timeout: PATIENCE,
    killSignal: 'SIGKILL',
  });
}

/** Runs a file that prints one JSON text, and must end well. */
export function runJson<T>(runtime: Runtime, file: string, options: RunOptions = {}): T {
  const { status, signal, stdout, stderr, error } = run(runtime, file, options);
  if (error) throw error;
  assert.equal(status, 0, `${runtime.command[0]} ended with ${status ?? signal}:\n${stdout}${stderr}`);
  return JSON.parse(stdout) as T;
}

/** A program that prints a JSON text a line. */
export class Running {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(runtime: Runtime, file: string, options: RunOptions = {}) {
    const { flags = [], args = [], cwd } = options;
    const [command, ...before] = runtime.command;
    const child = spawn(command, [...before, ...flags, file, ...args], {
      env: environment(runtime, options),
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the program ended: ${this.#errors}`);
    return JSON.parse(value) as T;
  }

  kill(): void {
    kill(this.child, 'SIGKILL');
  }
}
