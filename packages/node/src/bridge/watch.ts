/**
 * Notices that somebody begins to trace, or stops. A tracer changes a few bytes of the process' memory and tells
 * nobody, so these are looked at ten times a second: all probes of the thread in one timer, about a nanosecond for
 * each, and the timer does not keep the program alive.
 *
 * What follows from it: events of the first tenth of a second after a tracer attaches are missed, and longer while the
 * event loop is blocked. A tracer that was there before the program is noticed at once.
 */

import { clearInterval, setInterval } from 'node:timers';

/** Milliseconds between two looks. */
export const WATCH_INTERVAL = 100;

/** Something that is done only while one of some probes is traced. Neither function may throw. */
export interface Watched {
  readonly probes: readonly { readonly enabled: boolean }[];
  start(): void;
  stop(): void;
}

const active = new Map<Watched, boolean>();
let timer: NodeJS.Timeout | undefined;

/** Starts what is traced already, and watches it. @returns ends that, and stops it. */
export function watch(watched: Watched): () => void {
  active.set(watched, false);
  look(watched, false);
  timer ??= setInterval(lookAtAll, WATCH_INTERVAL).unref();
  return () => {
    const started = active.get(watched);
    if (!active.delete(watched)) return;
    if (started) watched.stop();
    if (active.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function lookAtAll(): void {
  for (const [watched, started] of active) look(watched, started);
}

function look(watched: Watched, started: boolean): void {
  const traced = watched.probes.some((probe) => probe.enabled);
  if (traced === started) return;
  active.set(watched, traced);
  if (traced) watched.start();
  else watched.stop();
}
