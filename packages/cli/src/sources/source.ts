/**
 * Where events come from. A command reads a source and does not ask what is behind it; the kernel's tracer is
 * in kernel/. To add a source, add a folder with one of these; what can give records too is in record.ts.
 */

import type { ArgumentType } from '../catalogue/argument-type.ts';
import type { ProbeSite } from '../catalogue/probe.ts';

/**
 * Integers are numbers as long as a number is exact, bigints beyond; strings are strings; undefined is what could not be
 * read: an argument that the source can't express, or text behind a bad pointer.
 */
export type ArgumentValue = number | bigint | boolean | string | undefined;

export interface TracedArgument extends ArgumentType {
  /** Why the source can't deliver it; undefined if it can. */
  readonly problem: string | undefined;
}

/** A probe site that is being traced. */
export interface TracedProbe {
  /** Counted from 0. */
  readonly index: number;
  readonly provider: string;
  readonly name: string;
  /** For people. */
  readonly file: string;
  readonly site: ProbeSite;
  readonly arguments: readonly TracedArgument[];
}

export interface TraceEvent {
  /** Nanoseconds since the source's `epoch`. */
  readonly time: number;
  readonly cpu: number;
  readonly pid: number;
  readonly tid: number;
  /** The process' name. */
  readonly comm: string;
  /** The thread's own name. */
  readonly thread: string;
  readonly probe: TracedProbe;
  readonly args: readonly ArgumentValue[];
}

/** Gives events in batches, each in order of time and none before those of the batch before it. */
export interface Source extends AsyncIterable<readonly TraceEvent[]> {
  /** Time zero of the events, on the monotonic clock (`process.hrtime`), in nanoseconds. */
  readonly epoch: bigint;
  /** The same moment in milliseconds since 1970. */
  readonly epochDate: number;
  /** What is traced so far; grows, and never shrinks, when programs with further matching probes start. */
  readonly probes: readonly TracedProbe[];
  /** What can't be traced or read: one sentence each. Grows. */
  readonly problems: readonly string[];
  /** Events that there was no room for. To ask may cost a system call. */
  readonly lost: number;
  /** Programs that began before their probes were traced: one sentence each. */
  readonly missed: readonly string[];
  /** No more events are recorded; the iteration ends when those that were are delivered. */
  stop(): void;
  /** Leaves nothing behind. May be called at any time, and more than once. */
  close(): void;
}

/** Now, by the clock of the events. */
export function sourceTime({ epoch }: Pick<Source, 'epoch'>): number {
  return Number(process.hrtime.bigint() - epoch);
}
