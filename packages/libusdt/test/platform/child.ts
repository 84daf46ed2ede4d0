/**
 * A process of its own for the tests that need one. What it does is the first argument:
 *
 * - `race FOLDER NAME SEED`: says so when it is ready, waits for FOLDER/../go, publishes, prints the inode of what it
 *   got and whether the content was complete.
 * - `die FOLDER NAME SEED N`: publishes, and kills itself before the Nth call to node:fs. Prints "survived" if there are fewer.
 * - `loop FOLDER NAME SEED`: publishes and removes until it is killed.
 * - `publish PATH NAME SEED`: opens PATH, publishes and prints the result as JSON.
 */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { openFolder } from '../../src/publish/folder.ts';
import { publish } from '../../src/publish/publish.ts';
import { isProblem } from '../../src/runtime/reasons.ts';

const [what, path, name, seed, count] = process.argv.slice(2) as [string, string, string, string, string];
const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => (index * Number(seed)) & 255);

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

function race(): void {
  fs.writeSync(1, 'ready\n');
  const go = join(dirname(path), 'go');
  while (!fs.existsSync(go)) pause();
  const result = publish({ path }, name, bytes);
  if (isProblem(result)) {
    fs.writeSync(1, `${JSON.stringify(result)}\n`);
    return;
  }
  // As the loader does: open what now has the name.
  const descriptor = fs.openSync(result.file, 'r');
  const complete = fs.readFileSync(descriptor).equals(bytes);
  const { ino } = fs.fstatSync(descriptor);
  fs.writeSync(1, `${JSON.stringify({ ino, complete, created: result.created })}\n`);
}

function die(): void {
  let left = Number(count);
  const functions = Object.entries(fs).filter(
    ([key, value]) => key.endsWith('Sync') && typeof value === 'function',
  );
  for (const [key, original] of functions as [string, (...args: unknown[]) => unknown][]) {
    Object.assign(fs, {
      [key]: (...args: unknown[]) => {
        if (--left === 0) process.kill(process.pid, 'SIGKILL');
        return original(...args);
      },
    });
  }
  syncBuiltinESMExports();
  publish({ path }, name, bytes);
  console.log('survived');
}

function loop(): void {
  fs.writeSync(1, 'ready\n');
  for (;;) {
    const result = publish({ path }, name, bytes);
    if (!isProblem(result)) fs.unlinkSync(result.file);
  }
}

function once(): void {
  const folder = openFolder(path);
  console.log(JSON.stringify(isProblem(folder) ? folder : publish(folder, name, bytes)));
}

const actions: Readonly<Record<string, () => void>> = { race, die, loop, publish: once };
actions[what]?.();
