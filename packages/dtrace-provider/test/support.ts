/** What the tests of the drop-in share: the package as programs get it, and programs that are traced. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { kill } from '../../../test/kill.ts';

const require = createRequire(import.meta.url);

export const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

export type DropIn = typeof import('../src/index.ts');

/** What `require('dtrace-provider')` gives where the override is in place. */
export const dropIn = require('@libusdt/dtrace-provider') as DropIn;
/** The package of that name on npm: on Linux a stub. */
export const original = require('dtrace-provider') as DropIn;

/** Starts a Node program that ends with this one at the latest. Its images go to `folder`. */
export function startNode(folder: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, LIBUSDT_DIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => kill(child, 'SIGKILL'));
  return child;
}
