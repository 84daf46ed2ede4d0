/** What the tests of the command share: a C program with probes, running `usdt`, and tracefs. */
import { type ChildProcess, execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tracefsFolders } from '../src/tracefs/tracefs.ts';

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const SOURCE = fileURLToPath(new URL('./fixtures/webapp.c', import.meta.url));

function has(program: string): boolean {
  return spawnSync('/bin/sh', ['-c', `command -v ${program}`]).status === 0;
}

/** For `skip`: false if the tools are there, else the reason. With CI=true a missing tool is a failure. */
export function without(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !has(program));
  return missing.length === 0 ? false : absent(`${missing.join(', ')} not installed`);
}

/** Where tracefs is mounted for all to see; undefined where it is not. */
export function findTracefs(): string | undefined {
  return tracefsFolders().mounted[0];
}

/** For `skip`: false where uprobe events can be defined. */
export function withoutTracing(): string | false {
  if (process.platform !== 'linux') return absent('not Linux');
  if (process.geteuid?.() !== 0) return absent('not root');
  if (findTracefs() === undefined) spawnSync('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing']);
  const path = findTracefs();
  if (path === undefined || !fs.existsSync(`${path}/uprobe_events`))
    return absent('no tracefs with uprobe events');
  return without('gcc') || (fs.existsSync(MAIN) ? false : absent('not built'));
}

/** The reason, which with CI=true is a failure. */
export function absent(reason: string): string {
  if (process.env.CI === 'true') throw new Error(`needed in CI: ${reason}`);
  return reason;
}

/** A new folder for one test file. */
export function temporaryFolder(): string {
  return fs.mkdtempSync(join(tmpdir(), 'usdt-test-'));
}

/** Compiles fixtures/webapp.c. */
export function compile(folder: string, name = 'webapp', ...flags: readonly string[]): string {
  const program = join(folder, name);
  execFileSync('gcc', ['-O2', '-o', program, SOURCE, ...flags]);
  return program;
}

const SHOP = fileURLToPath(new URL('./fixtures/shop.mjs', import.meta.url));

/** Starts fixtures/shop.mjs, which fires until it is killed; its image goes to the cache folder of `usdt` below. */
export function startShop(folder: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [SHOP, ...args], {
    env: { ...process.env, LIBUSDT_DIR: join(folder, 'cache') },
    stdio: 'ignore',
  });
}

/** Runs `usdt` to its end, with a cache folder of its own. */
export function usdt(folder: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, LIBUSDT_DIR: join(folder, 'cache'), NO_COLOR: '1' },
    timeout: 60_000,
    maxBuffer: 1 << 30,
  });
}

export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Names of instances and events in tracefs that process `pid` made. */
export function tracesOf(pid: number): string[] {
  const path = findTracefs()!;
  const instances = fs.readdirSync(`${path}/instances`);
  const events = fs.readFileSync(`${path}/uprobe_events`, 'utf8').split('\n');
  return [...instances, ...events].filter((name) => name.includes(`usdt_${pid}_`));
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (condition()) return;
    await sleep(25);
  }
  throw new Error(`${what} did not come about`);
}
