// DTrace in the machine: its daemon, which programs hand their DOF through /dev/dtrace/helper, and what it lists.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { start } from './children.mjs';

/** Starts it, and returns when programs of all users can reach it. */
export async function startDaemon() {
  spawnSync('modprobe', ['cuse']);
  mkdirSync('/run/dtrace', { recursive: true });
  const daemon = start('dtprobed', '-F');
  while (!existsSync('/dev/dtrace/helper')) await new Promise((resolve) => setTimeout(resolve, 20));
  chmodSync('/dev/dtrace/helper', 0o666);
  return daemon;
}

/** What dtrace lists: provider, module, function and name. */
export function list(description, ...flags) {
  const { stdout } = spawnSync('dtrace', ['-l', ...flags, '-n', description], { encoding: 'utf8' });
  const rows = stdout.trim().split('\n').slice(1);
  return rows.map((row) => row.trim().split(/\s+/).slice(1));
}
