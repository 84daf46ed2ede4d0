/**
 * What native code must know of the memory that a call is described in.
 */

/** Where the words of a call frame lie, in bytes from its start. */
export interface FrameLayout {
  /** Address to call. */
  readonly target: number;
  /**
   * Number of words to put on the stack (after the argument registers are full), in the lower half of the word. The upper
   * half is 0; where registers have 32 bits it has a bit for each of the first 32 words that is passed as two, its lower
   * half first. Of all others the lower half is passed.
   */
  readonly stackCount: number;
  /** First argument word; register arguments come first, stack arguments follow. */
  readonly args: number;
  /** Receives the return value, zero-extended. */
  readonly result: number;
}
