/** Compilers, folders and child processes for the benchmarks. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

// What was started and made is taken down on `exit`, which a signal would pass over.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

/** The library as users get it: built and bundled. */
export const library = new URL('../packages/libusdt/dist/index.js', import.meta.url).href;

/** Another build of the library, to take turns with this one: the path of its dist/index.js in LIBUSDT_OTHER. */
export const otherLibrary = process.env.LIBUSDT_OTHER
  ? pathToFileURL(resolve(process.env.LIBUSDT_OTHER)).href
  : undefined;

/** The drop-in for dtrace-provider, likewise; a path to require. */
export const dropIn = fileURLToPath(new URL('../packages/dtrace-provider/dist/index.cjs', import.meta.url));

/** A new folder that goes when the process does. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'libusdt-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function compile(source, output, ...options) {
  mkdirSync(join(here, 'build'), { recursive: true });
  const file = join(here, 'build', output);
  execFileSync('cc', ['-O2', '-Wall', '-o', file, join(here, 'native', source), ...options], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return file;
}

/** native/addon.c as an addon and as a library. */
export function compileAddon() {
  const { include_dir } = require('node-api-headers');
  return compile('addon.c', 'addon.node', '-shared', '-fPIC', '-fvisibility=hidden', `-I${include_dir}`);
}

/** Runs a script in a process of its own; what it printed, as JSON. */
export function runScript(script, { args = [], env = {}, flags = [] } = {}) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, script, ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${script} ended with ${signal ?? status}:\n${stderr}`);
  return JSON.parse(stdout);
}

/** Kilobytes of physical memory, by the kernel's books: Rss, Pss (shared pages divided by those who share them), ... */
export function memory() {
  const text = readFileSync('/proc/self/smaps_rollup', 'latin1');
  const kilobytes = (name) => Number(new RegExp(`^${name}: *(\\d+) kB$`, 'm').exec(text)?.[1]);
  return { rss: kilobytes('Rss'), pss: kilobytes('Pss') };
}

/** A child that could not be started has no process id: Node 20 takes it for 0, and would signal all of this process' group. */
export function kill(child, signal = 'SIGTERM') {
  if (child.pid !== undefined) child.kill(signal);
}

/** Ends a tracer as ctrl-C does. bpftrace 0.17 loses a signal that comes at a bad moment. */
export async function interrupt(child, ended) {
  const timer = setInterval(() => kill(child, 'SIGINT'), 1000);
  kill(child, 'SIGINT');
  await ended;
  clearInterval(timer);
}
