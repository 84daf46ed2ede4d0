/**
 * The kernel's list of uprobe events, `uprobe_events`: it is one list for all users of the machine, so events have a
 * group of their own, and are removed by name. https://docs.kernel.org/trace/uprobetracer.html
 */

import * as fs from 'node:fs';
import { FailureError, systemCode } from '../errors.ts';
import { shown } from '../text.ts';

/** MAX_EVENT_NAME_LEN is 64 with the NUL. */
const MAX_NAME = 63;
/** MAX_TRACE_ARGS. */
export const MAX_FETCH_ARGS = 128;

/** Where a probe is in its file. */
export interface ProbePlace {
  /** Undefined: in no part that is loaded. */
  readonly offset: bigint | undefined;
  readonly semaphoreOffset: bigint | undefined;
}

/** `p:GROUP/EVENT PATH:OFFSET(SEMAPHORE) arg0=...`, without the newline. */
export function eventDefinition(
  group: string,
  event: string,
  path: string,
  site: ProbePlace,
  fetchArgs: readonly string[],
): string {
  if (site.offset === undefined) throw new TypeError('the probe is not in a loaded segment');
  const semaphore = site.semaphoreOffset === undefined ? '' : `(0x${site.semaphoreOffset.toString(16)})`;
  const place = `${path}:0x${site.offset.toString(16)}${semaphore}`;
  return [`p:${group}/${event}`, place, ...fetchArgs].join(' ');
}

/** A name for the event of a site: for people, since the number makes it unique. */
export function eventName(
  site: { readonly sdtProvider: string; readonly sdtName: string },
  n: number,
): string {
  const suffix = `_${n}`;
  const readable = `${site.sdtProvider}__${site.sdtName}`.replaceAll(/\W/g, '_');
  return (/^\d/.test(readable) ? `_${readable}` : readable).slice(0, MAX_NAME - suffix.length) + suffix;
}

/** Bytes: the kernel takes 4095 for a line, and most are left for arguments. */
const MAX_PATH = 1000;

/**
 * Whether the kernel takes a path in a definition as it is. It divides the line at white space, of which it knows that of
 * Latin-1, byte by byte (lib/ctype.c: the last byte of `à` is one), and what follows `#` is a comment.
 */
export function isOneWord(path: string): boolean {
  const bytes = Buffer.from(path);
  return (
    bytes.length <= MAX_PATH &&
    !bytes.some((byte) => byte === 0xa0 || /[\s#]/.test(String.fromCharCode(byte)))
  );
}

/** @throws FailureError with the kernel's own explanation. */
export function addEvent(tracefs: string, definition: string): void {
  try {
    append(tracefs, definition);
  } catch (error) {
    throw new FailureError(
      `the kernel refused ${definition
        .split(' ')
        .slice(0, 2)
        .map((part) => shown(part))
        .join(' ')}: ${lastError(tracefs, definition) ?? systemCode(error)}`,
    );
  }
}

/** Removes the events of a group. What can't be removed, because somebody else uses it, is left. @returns how many are left. */
export function removeEvents(tracefs: string, group: string): number {
  let left = 0;
  for (const event of eventsOf(listEvents(tracefs), group)) {
    if (!removeEvent(tracefs, group, event)) left++;
  }
  return left;
}

/** Removes an event with all its places. @returns false for one that somebody else uses. */
export function removeEvent(tracefs: string, group: string, event: string): boolean {
  try {
    append(tracefs, `-:${group}/${event}`);
    return true;
  } catch {
    return false;
  }
}

/** The text of `uprobe_events`; empty when it can't be read. */
export function listEvents(tracefs: string): string {
  try {
    return fs.readFileSync(`${tracefs}/uprobe_events`, 'utf8');
  } catch {
    return '';
  }
}

/** All groups of uprobe events. */
export function eventGroups(list: string): Set<string> {
  return new Set(Array.from(list.matchAll(/^[pr]\d*:([^/\s]+)\//gm), (match) => match[1]!));
}

function eventsOf(list: string, group: string): Set<string> {
  return new Set(
    Array.from(list.matchAll(/^[pr]\d*:([^/\s]+)\/(\S+)/gm))
      .filter((match) => match[1] === group)
      .map((match) => match[2]!),
  );
}

/** How many places of files an event has. */
export function placesOf(list: string, group: string, event: string): number {
  return list.split('\n').filter((line) => line.startsWith(`p:${group}/${event} `)).length;
}

/** Writes a line of `uprobe_events`. @throws the system's error. */
export function append(tracefs: string, line: string): void {
  const fd = fs.openSync(`${tracefs}/uprobe_events`, fs.constants.O_WRONLY | fs.constants.O_APPEND);
  try {
    fs.writeSync(fd, `${line}\n`);
  } finally {
    fs.closeSync(fd);
  }
}

/** The kernel's log of rejected commands has the reason and the command. */
function lastError(tracefs: string, definition: string): string | undefined {
  try {
    const log = fs.readFileSync(`${tracefs}/error_log`, 'utf8');
    const start = log.lastIndexOf('trace_uprobe: error: ');
    if (start === -1 || !log.slice(start).includes(definition.split(' ')[1]!)) return undefined;
    return log.slice(start + 'trace_uprobe: error: '.length).split('\n')[0];
  } catch {
    return undefined;
  }
}
