/**
 * Text for people and lines of JSON.
 */

import { probeTitle } from './catalogue/probe.ts';
import type { ArgumentValue, Source, TracedArgument } from './sources/source.ts';
import { standardError } from './stderr.ts';
import { escapeUnseen, message, quoted, SENTENCE_MAX, shown } from './text.ts';

export { toJson } from './text.ts';

/** What stands on the terminal's last line while something goes on. */
let status = '';
/** Erase to the end of the line: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, EL. */
const CLEAR_LINE = '\r\x1b[K';

/** Names in the text are as `shown` makes them. */
export function warn(text: string): void {
  const [clear, again] = status === '' ? ['', ''] : [CLEAR_LINE, status];
  standardError().write(`${clear}usdt: ${message(text)}\n${again}`);
}

/** Shows a line on the terminal that is the standard error, in place of the one before; messages go above it. */
export function setStatus(text: string): void {
  if (text === '' && status === '') return;
  // A line that wraps could not be taken back.
  status = escapeUnseen(text).slice(0, (standardError().columns || 80) - 1);
  standardError().write(CLEAR_LINE + status);
}

/** `2 probes`, `1 probe`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** What is traced, in one line. */
export function describeTraced({ probes }: Pick<Source, 'probes'>): string {
  if (probes.length === 0) return 'no probe matches yet: waiting for a program that has some';
  const names = [...new Set(probes.map((probe) => shown(probeTitle(probe))))];
  const list =
    names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
  const sites = probes.length > names.length ? ` at ${probes.length} places` : '';
  return `tracing ${list}${sites}`;
}

/** A value of an argument as C would write it. Control characters are escaped: the text is the traced program's. */
export function formatValue(
  value: ArgumentValue,
  { kind, problem }: Pick<TracedArgument, 'kind' | 'problem'>,
): string {
  if (problem !== undefined) return `<not expressible: ${shown(problem, SENTENCE_MAX)}>`;
  if (value === undefined) return '<unreadable>';
  // JSON is itself text in quotes; what is not JSON, as it was cut off, still can't act on the terminal.
  if (typeof value === 'string') return kind === 'json' ? escapeUnseen(value) : quoted(value);
  if (kind === 'pointer') return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
  return String(value);
}

/** Wall-clock times of events: the date is worked out once a second. */
export class Clock {
  /** Of the last time asked for: `13:37:00.`, local time. */
  localSecond = '';
  /** The rest of it. */
  nanoseconds = 0;
  private readonly epochDate: number;
  private second = Number.NaN;
  private isoSecond = '';

  constructor(epochDate: number) {
    this.epochDate = epochDate;
  }

  set(time: number): void {
    const whole = Math.floor(this.epochDate / 1000);
    const rest = (this.epochDate - whole * 1000) * 1e6 + time;
    const seconds = Math.floor(rest / 1e9);
    this.nanoseconds = Math.trunc(rest - seconds * 1e9);
    if (whole + seconds === this.second) return;
    this.second = whole + seconds;
    const date = new Date(this.second * 1000);
    const two = (n: number): string => String(n).padStart(2, '0');
    this.localSecond = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.`;
    this.isoSecond = date.toISOString().slice(0, 20);
  }

  /** `13:37:00.123456`, local time. */
  local(time: number): string {
    this.set(time);
    return this.localSecond + String(Math.trunc(this.nanoseconds / 1000)).padStart(6, '0');
  }

  /** `2026-01-31T12:37:00.123456789Z`. */
  iso(time: number): string {
    this.set(time);
    return `${this.isoSecond}${String(this.nanoseconds).padStart(9, '0')}Z`;
  }
}
