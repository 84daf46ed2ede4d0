/**
 * Events as a source reads them: bytes of a record, and how to read the arguments in it. For what makes something else of
 * each than an object, as lines of text are: to make objects of a hundred thousand a second takes longer than the rest.
 */

import type { ArgumentValue, Source, TracedProbe } from './source.ts';

/** Reads one argument of the record that starts at `start`. */
export type ArgumentReader = (bytes: Buffer, view: DataView, start: number) => ArgumentValue;

/** Where the arguments of a probe are in its records. */
export interface RecordLayout {
  readonly probe: TracedProbe;
  readonly readers: readonly ArgumentReader[];
  /** Where in a record the location of each argument is that is text: 32 bits, as of `textLength`; -1 for others. */
  readonly texts: readonly number[];
}

/** The thread that fired. */
export interface ThreadInfo {
  readonly tid: number;
  /** The process; the thread itself if that is not known. */
  readonly pid: number;
  /** The process' name. Empty if not known. */
  readonly comm: string;
  /** The thread's own name, which is the process' if it did not choose one. Empty if not known. */
  readonly thread: string;
}

/** Called for each event in order of time. The record is at `start`, and gone when the call is over. */
export type RecordVisitor = (
  layout: RecordLayout,
  time: number,
  cpu: number,
  thread: ThreadInfo,
  bytes: Buffer,
  view: DataView,
  start: number,
) => void;

/** A source that can do without the objects. */
export interface RecordSource extends Source {
  /** As the iteration, in place of it: `visit` gets the events of each batch before it. */
  visiting(visit: RecordVisitor): AsyncIterable<undefined>;
}

/** What newer kernels (fetch_store_string in kernel/trace) store in place of text that can't be read. */
export const FAULT = '(fault)';

/** Bytes of a text without its NUL. A location (the kernel's `__data_loc`) has the length with it in the upper half; -1 for what can't be read. */
export function textLength(location: number): number {
  return (location >>> 16) - 1;
}

/** Where the text is: the lower half is its place in the record. */
export function textStart(location: number, start: number): number {
  return start + (location & 0xffff);
}
