// What these programs share. They talk in lines of JSON.
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** At once, also in a loop that never comes back to the event loop. */
export function print(value) {
  writeSync(1, `${JSON.stringify(value)}\n`);
}

/** Waits until all of the probes are traced, or none is. */
export async function untilEnabled(probes, enabled = true) {
  while (!probes.every((probe) => probe.enabled === enabled)) await sleep(5);
}

/** Waits until the test says "go": the tracer is there. All of the probes must have noticed. */
export async function untilTold(probes) {
  for await (const line of commands()) if (line === 'go') break;
  await untilEnabled(probes);
}

/** The lines of the standard input. */
export async function* commands() {
  let rest = '';
  for await (const chunk of process.stdin) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    yield* lines;
  }
}
