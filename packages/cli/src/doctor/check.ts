/**
 * A check of `usdt doctor`: what works, what does not, and what mends it. Checks change nothing but what the self-test
 * says, and never throw.
 */

/** `warn`: it works, with a limit that is worth knowing. `fail`: something that tracing needs is missing. */
export type State = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** What was looked at: one word, the same in all versions. */
  readonly check: string;
  readonly state: State;
  /** For people. */
  readonly message: string;
  /** The command that mends it, or what to do where that is none; undefined if there is nothing to mend. */
  readonly fix?: string;
}
