/**
 * The self-test: a probe of our own, traced by our own tracer, from the definition to the arguments.
 */

import { CommandError } from '../errors.ts';
import { hasMachinePids } from '../pid-namespace.ts';
import { openTracer, type TraceEvent, type Tracer } from '../sources/kernel/tracer.ts';
import type { Finding } from './check.ts';

/** What the self-test needs of a probe of this process. */
export interface TestProbe {
  readonly provider: string;
  readonly name: string;
  readonly enabled: () => boolean;
  readonly fire: (number: number, text: string) => void;
}

const EVENTS = 3;
/** Far longer than it takes, in milliseconds. */
const PATIENCE = 10_000;

export async function checkSelftest(probe: TestProbe): Promise<Finding> {
  const check = 'selftest';
  const title = `${probe.provider}:${probe.name}`;
  let tracer: Tracer | undefined;
  try {
    const start = performance.now();
    // In a container with process ids of its own the kernel can't select this process: its image is new, and nobody else's.
    const pids = hasMachinePids() ? { pids: [process.pid] } : {};
    tracer = openTracer({ patterns: [title], ...pids, rescan: 0 });
    if (tracer.probes.length === 0)
      return { check, state: 'fail', message: `the probe ${title} of this process is not found` };
    if (!probe.enabled()) {
      const message = `${title} is attached, but the program does not see it: another kernel or security module undoes it`;
      return { check, state: 'fail', message };
    }
    for (let n = 0; n < EVENTS; n++) probe.fire(n, textOf(n));
    const events = await collect(tracer);
    const took = Math.round(performance.now() - start);
    const wrong = events.findIndex(({ args }, n) => args[0] !== n || args[1] !== textOf(n));
    if (wrong !== -1) {
      const message = `event ${wrong} of ${title} came with wrong arguments: ${JSON.stringify(events[wrong]!.args.map(String))}`;
      return { check, state: 'fail', message };
    }
    if (events.length < EVENTS)
      return {
        check,
        state: 'fail',
        message: `only ${events.length} of ${EVENTS} events of ${title} arrived`,
      };
    tracer.close();
    if (probe.enabled())
      return { check, state: 'fail', message: `${title} is still being traced after the tracer has gone` };
    const message = `${EVENTS} events of ${title} arrived with their arguments, ${took} ms after attaching began`;
    return { check, state: 'ok', message };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { check, state: 'fail', message: error.message };
  } finally {
    tracer?.close();
  }
}

async function collect(tracer: Tracer): Promise<TraceEvent[]> {
  const timer = setTimeout(() => tracer.stop(), PATIENCE);
  const all: TraceEvent[] = [];
  for await (const events of tracer) {
    all.push(...events);
    if (all.length >= EVENTS) tracer.stop();
  }
  clearTimeout(timer);
  return all;
}

function textOf(n: number): string {
  return `event ${n}`;
}
