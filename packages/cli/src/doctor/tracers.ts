/**
 * Which other tracers are installed. `usdt` needs none of them.
 */

import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Finding } from './check.ts';

interface Installed {
  readonly name: string;
  /** Names of its program, in the order in which they are looked for. */
  readonly programs: readonly string[];
  readonly version: readonly string[];
}

const TRACERS: readonly Installed[] = [
  { name: 'bpftrace', programs: ['bpftrace'], version: ['--version'] },
  { name: 'perf', programs: ['perf'], version: ['--version'] },
  { name: 'SystemTap', programs: ['stap'], version: ['--version'] },
  { name: 'bcc', programs: ['tplist-bpfcc', 'tplist'], version: [] },
  { name: 'gdb', programs: ['gdb'], version: ['--version'] },
  // In /usr/bin it is a tool of SystemTap's that makes headers.
  { name: 'DTrace', programs: ['/usr/sbin/dtrace'], version: ['-V'] },
  { name: 'LTTng', programs: ['lttng'], version: ['--version'] },
];
/** A program that does not even tell its version in this time has none, in milliseconds. */
const PATIENCE = 10_000;
/** SystemTap makes a folder in the user's home even to tell its version, if it can. */
const SYSTEMTAP_DIR = '/dev/null';
/** Of root, where a user's PATH has none of them. */
const MORE_PLACES = ['/usr/sbin', '/usr/local/sbin', '/usr/share/bcc/tools'];

export async function checkTracers(): Promise<Finding> {
  const check = 'tracers';
  const found = (await Promise.all(TRACERS.map(describe))).filter((text) => text !== undefined);
  if (found.length > 0) return { check, state: 'ok', message: found.join(', ') };
  const message = 'none but usdt itself, which needs no other';
  return { check, state: 'ok', message };
}

/** `bpftrace 0.17.0`; undefined if it is not installed. */
async function describe({ name, programs, version }: Installed): Promise<string | undefined> {
  const program = programs.map(find).find((path) => path !== undefined);
  if (program === undefined) return undefined;
  if (version.length === 0) return name;
  try {
    const env = { ...process.env, SYSTEMTAP_DIR };
    const { stdout, stderr } = await promisify(execFile)(program, version, { env, timeout: PATIENCE });
    const number = /\d+\.\d+(?:\.\d+)*/.exec(stdout + stderr)?.[0];
    return number === undefined ? name : `${name} ${number}`;
  } catch {
    return `${name} (does not start)`;
  }
}

function find(program: string): string | undefined {
  // An empty one would be the working folder, which may be anybody's.
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...MORE_PLACES];
  const paths = program.startsWith('/') ? [program] : folders.map((folder) => join(folder, program));
  return paths.find((path) => {
    try {
      fs.accessSync(path, fs.constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
