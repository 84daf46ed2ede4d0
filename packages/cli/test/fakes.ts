/** Probes and events that no kernel made, for tests of what is done with them. */

import { argumentType } from '../src/catalogue/argument-type.ts';
import type { ProbeSite } from '../src/catalogue/probe.ts';
import type { Pipeline } from '../src/pipeline.ts';
import type { ArgumentValue, Source, TracedProbe, TraceEvent } from '../src/sources/source.ts';
import type { SpanReceiver, SpanStage } from '../src/spans/stage.ts';

/** `fakeProbe('webapp:request-start', 'int32_t', 'string')`. */
export function fakeProbe(title: string, ...types: readonly string[]): TracedProbe {
  const [provider, name] = title.split(':') as [string, string];
  const site: ProbeSite = {
    provider,
    name,
    sdtProvider: provider,
    sdtName: name.replaceAll('-', '__'),
    formats: ['stapsdt'],
    module: undefined,
    function: undefined,
    address: 0n,
    offset: 0n,
    untraceable: undefined,
    enabledAddresses: [],
    semaphoreAddress: undefined,
    semaphoreOffset: undefined,
    arguments: [],
    translated: undefined,
    argumentText: '',
    code: new Uint8Array(),
  };
  return {
    index: 0,
    provider,
    name,
    file: '/bin/fake',
    site,
    arguments: types.map((type) => ({ ...argumentType(type)!, problem: undefined })),
  };
}

/** An event of process 1 at a time in nanoseconds. */
export function fakeEvent(
  probe: TracedProbe,
  time: number,
  args: readonly ArgumentValue[] = [],
  more: Partial<TraceEvent> = {},
): TraceEvent {
  return { time, cpu: 0, pid: 1, tid: 1, comm: 'fake', thread: 'fake', probe, args, ...more };
}

/** A sink's or an encoder's probes: those that it has may be told before. */
interface Receiver extends SpanReceiver {
  probes?(probes: readonly TracedProbe[]): void;
}

/** Tells a stage, and what receives of it, of probes. @returns what gives events to them. */
export function connect(
  spans: SpanStage,
  receiver: Receiver,
  probes: readonly TracedProbe[],
): (event: TraceEvent) => void {
  spans.update(probes);
  receiver.probes?.(probes);
  const receivers = [receiver];
  return (event) => spans.event(event, receivers);
}

/** A source that no kernel has a part in. */
export function fakeSource(
  probes: readonly TracedProbe[],
  batches: readonly (readonly TraceEvent[])[],
  more: Partial<Source> = {},
): Source {
  return {
    epoch: 0n,
    epochDate: 0,
    probes,
    problems: [],
    lost: 0,
    missed: [],
    stop() {},
    close() {},
    async *[Symbol.asyncIterator]() {
      yield* batches;
    },
    ...more,
  };
}

/** As a session does, without a process around it. */
export async function drive(pipeline: Pipeline, source: Source): Promise<void> {
  try {
    await pipeline.ready(source);
    for await (const events of source) if (!(await pipeline.events(events, source))) break;
    await pipeline.end();
  } finally {
    pipeline.close();
  }
}

/** What an action writes to the standard error, in place of doing so. */
export async function written(action: () => Promise<void>): Promise<{ readonly stderr: string }> {
  const { write } = process.stderr;
  let stderr = '';
  process.stderr.write = (text: string | Uint8Array): boolean => {
    stderr += String(text);
    return true;
  };
  try {
    await action();
  } finally {
    process.stderr.write = write;
  }
  return { stderr };
}
