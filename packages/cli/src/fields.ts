/**
 * Fields of an event that a user names in options: `arg0`, `pid`, `tid`, `comm`, `thread`.
 */

import { UsageError } from './errors.ts';
import { formatValue } from './output.ts';
import type { ArgumentValue, TracedProbe, TraceEvent } from './sources/source.ts';
import { shown } from './text.ts';

export interface Field {
  /** As written. */
  readonly name: string;
  /** -1 for one of the named fields. */
  readonly argument: number;
}

const NAMED: readonly string[] = ['pid', 'tid', 'comm', 'thread'];

/**
 * @param option for the message.
 * @throws UsageError for what is not a field.
 */
export function parseField(text: string, option: string): Field {
  const name = text.trim();
  const argument = /^arg(\d{1,2})$/.exec(name)?.[1];
  if (argument === undefined && !NAMED.includes(name))
    throw new UsageError(
      `${option}: "${shown(name)}" is not a field: arg0, arg1 ..., pid, tid, comm or thread`,
    );
  return { name, argument: argument === undefined ? -1 : Number(argument) };
}

/** Undefined for an argument that the probe does not have or that the kernel could not read. */
export function fieldValue(event: TraceEvent, { name, argument }: Field): ArgumentValue {
  if (argument >= 0) return event.args[argument];
  return event[name as 'pid' | 'tid' | 'comm' | 'thread'];
}

/** The values as one text that is different for different values: equal integers are equal, whatever their types. */
export function fieldsKey(event: TraceEvent, fields: readonly Field[]): string {
  // Nearly always there is one.
  if (fields.length === 1) return String(fieldValue(event, fields[0]!));
  return fields.map((field) => String(fieldValue(event, field))).join('\0');
}

/** A value as people read it; `-` for an argument that the probe does not have. */
export function formatField(event: TraceEvent, field: Field): string {
  const value = fieldValue(event, field);
  if (field.argument < 0) return shown(String(value));
  const type = event.probe.arguments[field.argument];
  return type ? formatValue(value, type) : '-';
}

/** @throws UsageError if no probe has one of the arguments. */
export function checkFields(
  fields: readonly Field[],
  probes: readonly TracedProbe[],
  option: string,
  which = 'matching probe',
): void {
  if (probes.length === 0) return;
  const most = Math.max(...probes.map((probe) => probe.arguments.length));
  const missing = fields.find(({ argument }) => argument >= most);
  if (missing)
    throw new UsageError(
      `${option}: no ${which} has an ${missing.name}: ${most === 0 ? 'it has no arguments' : `there are at most ${most} arguments`}`,
    );
}
