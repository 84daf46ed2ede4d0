/** What a source's `start` and a bridge take is inferred from the source's own shapes and the bridge's own types. */
import { createProvider, type Probe } from 'libusdt';
import { describe, expect, test } from 'tstyche';
import { bridgeChannel, bridgeExpress, bridgeTracingChannel } from '../../src/bridge/index.ts';
import type { NodeProbes } from '../../src/provider.ts';
import { defineSource, type MergedShapes } from '../../src/source.ts';
import { tracingSource } from '../../src/tracing-source.ts';

const turn = defineSource({
  shapes: { turn: ['int', 'char *'] },
  start(probes) {
    expect(probes.turn).type.toBe<Probe<[number, string]>>();
    expect(probes).type.not.toHaveProperty('other');
  },
});
const play = tracingSource('play', { probe: 'play', types: ['bool'], args: () => [true] });

describe('sources', () => {
  test('together have the shapes of each', () => {
    type Shapes = MergedShapes<[typeof turn, typeof play]>;
    expect<Shapes['turn']>().type.toBe<readonly ['int', 'char *']>();
    expect<Shapes['play-start']>().type.toBe<readonly ['uint64_t', 'bool']>();
    expect<Shapes['play-async-end']>().type.toBe<readonly ['uint64_t', 'uint64_t', 'bool']>();
    expect<Shapes>().type.not.toHaveProperty('play');
  });

  test('of Node: every probe has its arguments', () => {
    expect<NodeProbes['process-exit']>().type.toBe<Probe<[number]>>();
    expect<NodeProbes['child-spawn-error']>().type.toBe<
      Probe<[number | bigint, number | bigint, string, string, unknown]>
    >();
    expect<NodeProbes>().type.not.toHaveProperty('process-start');
  });
});

test('a bridge adds probes to any provider, whatever probes that was created with', () => {
  const provider = createProvider('shop', { probes: { order: ['int'] } });
  expect(bridgeExpress).type.toBeCallableWith(provider);
  const args = (message: { id: number }): [number] => [message.id];
  expect(bridgeChannel).type.toBeCallableWith('c', { provider, probe: 'p', types: ['int'], args });
  expect(bridgeTracingChannel).type.toBeCallableWith('c', { provider, probe: 'p', types: ['int'], args });
  expect(bridgeChannel).type.not.toBeCallableWith('c', { provider, probe: 'p', types: ['char *'], args });
});
