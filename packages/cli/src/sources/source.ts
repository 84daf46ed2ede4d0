/**
 * Where events come from. A command reads a source and does not ask what is behind it; the kernel's tracer (tracer.ts)
 * is the first.
 * @module
 */

import type { RecordVisitor, TracedProbe, TraceEvent } from '../tracer.ts';

export type {
  ArgumentValue,
  Attachment,
  RecordVisitor,
  TracedArgument,
  TracedProbe,
  TraceEvent,
} from '../tracer.ts';

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

/** For whoever makes something else than objects of the events. */
export interface RecordSource extends Source {
  /** As the iteration, in place of it: `visit` gets the events of each batch before it. */
  visiting(visit: RecordVisitor): AsyncIterable<undefined>;
}

/** Now, by the clock of the events. */
export function sourceTime({ epoch }: Pick<Source, 'epoch'>): number {
  return Number(process.hrtime.bigint() - epoch);
}
