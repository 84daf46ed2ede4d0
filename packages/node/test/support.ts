/** What the tests of this package share: programs that are traced. */

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type NodeOptions, startNode } from '../../../test/support/processes.ts';
import { findRuntime } from '../../../test/support/runtimes.ts';
import { jsonLines, usdt } from '../../../test/support/usdt.ts';

export const PACKAGE = new URL('..', import.meta.url);
/** For programs that run in PACKAGE. */
export const IMPORT = ['--import', '@libusdt/node'];

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

export interface Program {
  readonly child: ChildProcess;
  readonly pid: string;
  /** What it has printed so far. */
  readonly lines: readonly string[];
}

/** Starts a program that ends with this one at the latest. Its images go to `folder`. */
export function startProgram(folder: string, args: readonly string[], options: NodeOptions = {}): Program {
  const child = startNode(folder, args, options);
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  return { child, pid: String(child.pid), lines };
}

export type Event = { readonly probe: string; readonly args: readonly unknown[] };

/** The arguments of each event of a probe. */
export function argsOf(events: readonly Event[], probe: string): readonly (readonly unknown[])[] {
  return events.filter((event) => event.probe === probe).map((event) => event.args);
}

/** Traces until every one of these probes of `node` has fired. */
export function traceUntil(
  folder: string,
  program: Program,
  probes: readonly string[],
  seconds = 3,
): Event[] {
  // Not `node:*`: each probe takes its time to attach.
  const patterns = probes.map((probe) => `node:${probe}`);
  const events: Event[] = [];
  for (let round = 0; round < 10; round++) {
    const options = ['--pid', program.pid, '--wait', '--json', '--quiet', '--duration', String(seconds)];
    const { stdout } = usdt(folder, 'trace', ...patterns, ...options);
    events.push(...(jsonLines(stdout) as unknown as Event[]));
    if (probes.every((probe) => argsOf(events, probe).length > 0)) return events;
  }
  const missing = probes.filter((probe) => argsOf(events, probe).length === 0);
  throw new Error(`never fired: ${missing.join(', ')}`);
}

/** The Node of a major version: its program, or why it is not here, for `skip`. */
export function findNode(major: 20 | 22 | 24 | 26): {
  readonly runtime?: string;
  readonly skip: string | false;
} {
  const found = findRuntime(`node${major}`);
  return typeof found === 'string' ? { skip: found } : { runtime: found.command[0], skip: false };
}
