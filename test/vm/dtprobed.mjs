// DTrace's daemon in the machine: programs hand it their DOF through /dev/dtrace/helper.
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
