/** The command `usdt`, C programs with probes for it to trace, and tracefs. */
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tracefsFolders } from '../../packages/cli/src/tracefs/tracefs.ts';
import { absent, withoutRoot } from './needs.ts';

export const MAIN = fileURLToPath(new URL('../../packages/cli/bin/usdt.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../packages/cli/dist/main.cjs', import.meta.url));

const FIXTURES = fileURLToPath(new URL('../../packages/cli/test/fixtures', import.meta.url));

/** For `skip`: false where the programs of fixtures/ run. */
export function withoutPrograms(): string | false {
  return process.platform === 'linux' && process.arch === 'x64' ? false : 'the programs are for Linux on x64';
}

/** For `skip`: false if `usdt` is built. */
export function withoutCommand(): string | false {
  return fs.existsSync(BUILT) ? false : absent('packages/cli/dist');
}

/** Where tracefs is mounted for all to see; undefined where it is not. */
export function findTracefs(): string | undefined {
  return tracefsFolders().mounted[0];
}

/** For `skip`: false where uprobe events can be defined. */
export function withoutTracing(): string | false {
  if (process.platform !== 'linux') return absent('Linux');
  const reason = withoutRoot();
  if (reason) return reason;
  if (findTracefs() === undefined) spawnSync('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing']);
  const path = findTracefs();
  if (path === undefined || !fs.existsSync(`${path}/uprobe_events`))
    return absent('tracefs with uprobe events');
  return withoutPrograms() || withoutCommand();
}

/** A copy of a program of fixtures/programs. */
export function fixtureProgram(folder: string, fixture: string, name = fixture): string {
  const program = join(folder, name);
  // One that still runs can't be written over.
  fs.rmSync(program, { force: true });
  fs.copyFileSync(`${FIXTURES}/programs/${fixture}`, program);
  fs.chmodSync(program, 0o755);
  return program;
}

/** The program that fixtures/webapp.c makes, with one of the providers that programs.sh compiles it for. */
export function webapp(folder: string, name = 'webapp', provider = 'webapp'): string {
  return fixtureProgram(folder, provider, name);
}

const SHOP = `${FIXTURES}/shop.mjs`;

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
