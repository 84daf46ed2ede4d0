/**
 * Programs with probes, tracers, and waiting for what they say. Nothing waits
 * for a time: a program says when it is traced, a tracer prints what it got.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './folders.ts';
import { absent, without, withoutRoot } from './needs.ts';
import { interrupt, kill } from './processes.ts';
import { PATIENCE } from './wait.ts';

/** The cache folder of all programs of one test file. */
export const cache = temporaryFolder();

/** What is started with these flags of setpriv ends with the test, also when that is killed. */
const MORTAL = ['--pdeathsig', 'KILL'];

/** For `skip`: false if uprobes can be used and all of these programs are installed. */
export function withoutTracers(...programs: readonly string[]): string | false {
  if (process.platform !== 'linux') return absent('Linux');
  return withoutRoot() || without('setpriv', ...programs);
}

function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...inherited } = process.env;
  return {
    ...inherited,
    LIBUSDT_DIR: cache,
    HOME: cache,
    LC_ALL: 'C.UTF-8',
    // bpftrace cuts strings at 64 bytes unless told otherwise; 200 is the most that 0.17 takes.
    BPFTRACE_STRLEN: '200',
    // Its buffer on each processor, in pages: by default it loses events when thousands come at once.
    BPFTRACE_PERF_RB_PAGES: '1024',
  };
}

/** Runs a command to its end; it must end well. Its standard output. */
export function run(command: string, ...args: readonly string[]): string {
  const options = { encoding: 'utf8', env: environment(), timeout: PATIENCE, killSignal: 'SIGKILL' } as const;
  const { status, signal, stdout, stderr, error } = spawnSync(
    'setpriv',
    [...MORTAL, command, ...args],
    options,
  );
  if (error) throw error;
  assert.equal(status, 0, `${command} ${args.join(' ')} ended with ${status ?? signal}:\n${stdout}${stderr}`);
  return stdout;
}

/** A running program or tracer. It is killed when the test ends. */
export class Started {
  readonly child: ChildProcess;
  readonly closed: Promise<unknown>;
  #out = '';
  #err = '';
  #read = 0;
  #ended = false;
  #wake = (): void => {};

  constructor(t: TestContext, command: string, ...args: readonly string[]) {
    const child = spawn('setpriv', [...MORTAL, command, ...args], {
      env: environment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    t.after(() => kill(child, 'SIGKILL'));
    this.child = child;
    this.closed = once(child, 'close');
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
      this.#wake();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    child.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
    child.stdin.on('error', () => {});
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** What was printed so far: all complete lines that are not empty. */
  get lines(): string[] {
    return this.#out.slice(0, this.#out.lastIndexOf('\n') + 1).match(/.+/g) ?? [];
  }

  /** Waits until `find` finds something in what is printed. */
  async until<T>(find: (lines: string[]) => T | undefined | false, what: string): Promise<T> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, PATIENCE / 2);
    try {
      for (;;) {
        const found = find(this.lines);
        if (found !== undefined && found !== false) return found;
        const printed = `${this.#out}${this.#err}`;
        if (this.#ended) throw new Error(`it ended before ${what} came, and printed:\n${printed}`);
        if (late) throw new Error(`${what} did not come, but this:\n${printed}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** The next line that the program printed, which is a JSON text. */
  async next<T = Record<string, unknown>>(): Promise<T> {
    const line = await this.until((lines) => lines[this.#read], 'the next line');
    this.#read++;
    return JSON.parse(line) as T;
  }

  /** Waits for so many lines, and gives all that are there. */
  async atLeast(count: number): Promise<string[]> {
    return this.until((lines) => lines.length >= count && lines, `${count} lines`);
  }

  /** Makes `until` try again, where it looks at more than what is printed. */
  look(): void {
    this.#wake();
  }

  /** Writes a line to its input. */
  say(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  /** Ends it as ctrl-C does, and gives all that it printed. */
  async stop(): Promise<string[]> {
    await interrupt(this.child);
    return this.lines;
  }
}

/** Starts a program of test/tracers/programs. */
export function startProgram(t: TestContext, name: string, ...args: readonly string[]): Started {
  return new Started(
    t,
    process.execPath,
    fileURLToPath(new URL(`../tracers/programs/${name}`, import.meta.url)),
    ...args,
  );
}

/** Numbers of epoll_wait, epoll_pwait and epoll_pwait2, on x86-64 and arm64: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h */
const EPOLL_WAITS = new Set(process.arch === 'x64' ? ['232', '281', '441'] : ['22', '441']);

/**
 * Starts bpftrace, and waits until it has attached all its probes. `flags` come before the script.
 *
 * A probe's `enabled` is true a moment before its events count: the kernel first puts the breakpoint in place, then
 * bpftrace gives it the program to run. When all is done bpftrace waits for events, which it does nowhere else.
 */
export async function startBpftrace(t: TestContext, script: string, ...flags: string[]): Promise<Started> {
  const tracer = new Started(t, 'bpftrace', '-q', '-B', 'line', ...flags, '-e', script);
  const waits = (): boolean => {
    try {
      const [syscall] = readFileSync(`/proc/${tracer.pid}/syscall`, 'latin1').split(' ', 1);
      return EPOLL_WAITS.has(syscall!);
    } catch {
      return false;
    }
  };
  const timer = setInterval(() => tracer.look(), 10);
  try {
    await tracer.until(waits, 'the attachment');
  } finally {
    clearInterval(timer);
  }
  return tracer;
}
