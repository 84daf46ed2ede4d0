/** The command `usdt`, C programs with probes for it to trace, and tracefs. */
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tracefsFolders } from '../../packages/cli/src/tracefs/tracefs.ts';
import { absent, withoutRoot } from './needs.ts';
import { withoutPrograms } from './programs.ts';

export const MAIN = fileURLToPath(new URL('../../packages/cli/bin/usdt.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../packages/cli/dist/main.cjs', import.meta.url));

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

const SHOP = fileURLToPath(new URL('../../packages/cli/test/fixtures/shop.mjs', import.meta.url));

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
