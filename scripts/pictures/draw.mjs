// `node scripts/pictures/draw.mjs`: makes the pictures in docs/images of what really happens: the live screen of
// `usdt stat` in tmux, and a trace of `usdt record`. Needs root, tmux, and a build.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { terminalSvg, traceSvg } from './svg.mjs';

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'usdt-pictures-'));
const usdt = path('packages/cli/bin/usdt.js');
const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache'), LC_ALL: 'C.UTF-8' };
const shop = spawn(process.execPath, [path('scripts/pictures/shop.mjs')], { env, stdio: 'ignore' });
const tmux = (...args) =>
  execFileSync('tmux', ['-L', `usdt-pictures-${process.pid}`, '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    env,
  });
process.on('exit', () => {
  if (shop.pid !== undefined) shop.kill();
  spawnSync('tmux', ['-L', `usdt-pictures-${process.pid}`, 'kill-server']);
  rmSync(folder, { recursive: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
await sleep(1500);

const [columns, rows] = [96, 36];
const command = `usdt stat 'shop:*' --latency request-start,request-done --key arg0 --by start.arg1`;
tmux('new-session', '-d', '-x', `${columns}`, '-y', `${rows}`, '-e', 'PS1=', 'bash --norc --noprofile');
tmux('send-keys', '-l', `usdt() { '${process.execPath}' '${usdt}' "$@"; }; clear; ${command}\n`);
await sleep(20_000);
const screen = tmux('capture-pane', '-p', '-e');
writeFileSync(path('docs/images/stat.svg'), terminalSvg(screen, columns, command));
tmux('send-keys', 'q');

const trace = join(folder, 'trace.json');
spawnSync(process.execPath, [usdt, 'record', '-o', trace, 'shop:*', '--duration', '1'], {
  env,
  stdio: 'inherit',
});
const recorded = JSON.parse(readFileSync(trace, 'utf8'));
const middle = 500_000;
writeFileSync(
  path('docs/images/record.svg'),
  traceSvg(recorded, middle, middle + 60_000, "usdt record -o trace.json 'shop:*'"),
);
process.exit(0);
