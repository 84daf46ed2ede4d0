/** What the tests of this package share: programs that are traced. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

export interface Program {
  readonly child: ChildProcess;
  readonly pid: string;
  /** What it has printed so far. */
  readonly lines: readonly string[];
}

/** Starts a program that ends with this one at the latest. Its images go to `folder`. */
export function startProgram(
  folder: string,
  args: readonly string[],
  { cwd, runtime = process.execPath }: { readonly cwd?: URL; readonly runtime?: string } = {},
): Program {
  const child = spawn(runtime, args, {
    cwd,
    env: { ...process.env, LIBUSDT_DIR: folder },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  return { child, pid: String(child.pid), lines };
}

export type Event = { readonly probe: string; readonly args: readonly unknown[] };

/** The arguments of each event of a probe. */
export function argsOf(events: readonly Event[], probe: string): readonly (readonly unknown[])[] {
  return events.filter((event) => event.probe === probe).map((event) => event.args);
}
