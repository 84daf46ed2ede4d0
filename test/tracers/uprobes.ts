/**
 * Uprobes written straight into tracefs, with no tracer in between. https://docs.kernel.org/trace/uprobetracer.html
 */

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { run, withoutTracers } from '../support/tracers.ts';
import type { Note } from './notes.ts';

const TRACEFS = '/sys/kernel/tracing';

/** For `skip`: false where these functions work. */
export function withoutUprobes(): string | false {
  return process.arch === 'x64'
    ? withoutTracers()
    : 'reads operands of x86-64 only; the notes of arm64 are read by readelf';
}

/** Operands of x86-64 in the kernel's words: `%edi` and `%rdi` are its `%di`, `%cl` is its `%cx`. https://docs.kernel.org/trace/uprobetracer.html */
export function fetchArgument(operand: string, read: string): string {
  const [, size, place] = /^(-?\d)@(.+)$/.exec(operand)!;
  const [, offset, register] = /^(-?\d+)?\(?%(\w+)\)?$/.exec(place!)!;
  const name = register!
    .replace(/^(r\d+)[bdw]$/, '$1')
    .replace(/^([a-d])l$/, '$1x')
    .replace(/^(.{2})l$/, '$1')
    .replace(/^[er](?!\d)/, '');
  const source = offset === undefined ? `%${name}` : `+${offset}(%${name})`;
  if (read === 'string') return `+0(${source}):string`;
  return `${source}:${size!.startsWith('-') ? 's' : 'u'}${Math.abs(Number(size)) * 8}`;
}

/** A trace instance with uprobes that nobody else sees. */
export class Uprobes {
  readonly #group = `libusdt_test_${process.pid}`;
  readonly #instance = `${TRACEFS}/instances/${this.#group}`;
  readonly #names: string[] = [];

  constructor(t: TestContext) {
    if (!existsSync(`${TRACEFS}/uprobe_events`)) run('mount', '-t', 'tracefs', 'tracefs', TRACEFS);
    t.after(() => this.#remove());
    mkdirSync(this.#instance);
  }

  add(file: string, { name, offset }: Note, fetch: readonly string[]): void {
    const args = fetch.map((argument, n) => ` a${n}=${argument}`).join('');
    writeFileSync(`${TRACEFS}/uprobe_events`, `p:${this.#group}/${name} ${file}:${offset}${args}\n`, {
      flag: 'a',
    });
    this.#names.push(name);
    writeFileSync(`${this.#instance}/events/${this.#group}/${name}/enable`, '1');
  }

  /** Of all events: the name, and the values as the kernel prints them. */
  events(): string[] {
    const trace = readFileSync(`${this.#instance}/trace`, 'utf8');
    return [...trace.matchAll(/: (\w+): \(0x\w+\)(.*)/g)].map(([, name, fields]) =>
      [name, ...fields!.split(/ a\d+=/).slice(1)].join(' '),
    );
  }

  disable(): void {
    writeFileSync(`${this.#instance}/events/${this.#group}/enable`, '0');
  }

  #remove(): void {
    if (this.#names.length > 0) this.disable();
    rmdirSync(this.#instance);
    for (const name of this.#names) {
      writeFileSync(`${TRACEFS}/uprobe_events`, `-:${this.#group}/${name}\n`, { flag: 'a' });
    }
  }
}
