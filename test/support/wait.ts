/** Waiting for what other programs do: for a condition, and for a time only where time is what a test is about. */

/** For one test, or one program, on a machine that is slow and busy with something else too. Milliseconds. */
export const PATIENCE = 180_000;

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a condition holds, for a minute at most. @param what it is, for the error. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + PATIENCE / 3; performance.now() < end; await sleep(10)) {
    if (await condition()) return;
  }
  throw new Error(`${what} did not come about`);
}
