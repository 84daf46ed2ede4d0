/**
 * What a provider says of itself.
 */

import type { TracepointEncoding } from '../model/target.ts';
import type { UnavailableReason } from '../runtime/reasons.ts';

interface Common {
  /** How many callbacks of `fireLazy` threw; their events are lost. */
  readonly failures: number;
}

/** Not enabled: nothing is visible to tracers. */
export interface DisabledStatus extends Common {
  readonly state: 'disabled';
}

/** Tracers see the probes. */
export interface ActiveStatus extends Common {
  readonly state: 'active';
  /** The file to give to a tracer; where probes were added later, the first of several. */
  readonly file: string;
  /** All files: each `enable()` that found new probes made one. */
  readonly files: readonly string[];
  /** What stands at the tracepoints; see docs/architecture.md. */
  readonly tracepoint: TracepointEncoding;
  /** What made the probes known to tracers. */
  readonly registeredBy: string;
  /** `memory`: no folder could be used; `detail` says why, and what that costs. */
  readonly storage: 'file' | 'memory';
  /** Removed probes that tracers still list, because a neighbour in the same file is being traced. */
  readonly lingering: readonly string[];
  /** Set when the last `enable()` could not add what was new. */
  readonly reason?: UnavailableReason;
  /** For people: what is not as it should be, and what to do. */
  readonly detail?: string;
}

/** `enable()` was called, and this environment can't make the probes visible. They cost nothing and do nothing. */
export interface UnavailableStatus extends Common {
  readonly state: 'unavailable';
  /** For programs. */
  readonly reason: UnavailableReason;
  /** For people: what is wrong and what to do. */
  readonly detail: string;
}

export type Status = DisabledStatus | ActiveStatus | UnavailableStatus;
