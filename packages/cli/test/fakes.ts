/** Probes and events that no kernel made, for tests of what is done with them. */
import type { ProbeSite } from '../src/catalogue/probe.ts';
import type { ArgumentValue, TracedProbe, TraceEvent } from '../src/tracer.ts';
import { argumentType } from '../src/types.ts';

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
