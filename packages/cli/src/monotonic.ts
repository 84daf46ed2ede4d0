/**
 * The monotonic clock, as `performance.now()`, for which Node loads a millisecond's worth of modules.
 */

/** Milliseconds since some moment. */
export function milliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
