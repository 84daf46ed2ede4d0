/**
 * What `fire` takes is inferred from the literal that defines the probe.
 */
import { describe, expect, test } from 'tstyche';
import {
  type ArgumentsOf,
  type CTypeName,
  createProvider,
  type Probe,
  type ProbeShape,
  type TypeOf,
} from '../../src/index.ts';

const web = createProvider('webapp', {
  probes: {
    start: ['uint32_t', 'char *', 'int64_t'],
    done: { function: 'handle', args: ['double', 'json', 'bool', 'void *'] },
    tick: {},
    idle: [],
    named: { function: 'f' },
  },
});

describe('types of arguments', () => {
  test('integers of up to 32 bits take numbers', () => {
    type Small =
      | 'int8_t'
      | 'uint8_t'
      | 'int16_t'
      | 'uint16_t'
      | 'int32_t'
      | 'uint32_t'
      | 'char'
      | 'short'
      | 'int';
    expect<TypeOf<Small>>().type.toBe<number>();
    expect<
      TypeOf<'signed char' | 'unsigned char' | 'unsigned short' | 'unsigned' | 'unsigned int'>
    >().type.toBe<number>();
  });

  test('those of 64 bits take numbers and bigints', () => {
    expect<TypeOf<'int64_t'>>().type.toBe<number | bigint>();
    expect<TypeOf<'uint64_t'>>().type.toBe<number | bigint>();
    expect<TypeOf<'long'>>().type.toBe<number | bigint>();
    expect<TypeOf<'unsigned long'>>().type.toBe<number | bigint>();
    expect<TypeOf<'long long'>>().type.toBe<number | bigint>();
    expect<TypeOf<'unsigned long long'>>().type.toBe<number | bigint>();
    expect<TypeOf<'size_t'>>().type.toBe<number | bigint>();
    expect<TypeOf<'ssize_t'>>().type.toBe<number | bigint>();
    expect<TypeOf<'intptr_t'>>().type.toBe<number | bigint>();
    expect<TypeOf<'uintptr_t'>>().type.toBe<number | bigint>();
  });

  test('scaled integers take what their integers take', () => {
    expect<TypeOf<'int64_t*1000'>>().type.toBe<number | bigint>();
    expect<TypeOf<'uint16_t*10'>>().type.toBe<number>();
  });

  test('everything else', () => {
    expect<TypeOf<'float' | 'double'>>().type.toBe<number>();
    expect<TypeOf<'bool'>>().type.toBe<boolean>();
    expect<TypeOf<'char *' | 'char*' | 'const char *' | 'const char*'>>().type.toBe<string>();
    expect<TypeOf<'json'>>().type.toBe<unknown>();
    expect<TypeOf<'void *' | 'const void*'>>().type.toBe<ArrayBufferView | ArrayBufferLike | null>();
    expect<ArgumentsOf<readonly ['int', 'char *']>>().type.toBe<[number, string]>();
  });
});

describe('createProvider', () => {
  test('has the probes of its literal', () => {
    expect(web.probes.start).type.toBe<Probe<[number, string, number | bigint]>>();
    expect(web.probes.done).type.toBe<
      Probe<[number, unknown, boolean, ArrayBufferView | ArrayBufferLike | null]>
    >();
    expect(web.probes.tick).type.toBe<Probe<[]>>();
    expect(web.probes.idle).type.toBe<Probe<[]>>();
    expect(web.probes.named).type.toBe<Probe<[]>>();
    expect<keyof typeof web.probes>().type.toBe<'start' | 'done' | 'tick' | 'idle' | 'named'>();
    expect<keyof ReturnType<typeof createProvider>['probes']>().type.toBe<string>();
  });

  test('without probes has none', () => {
    const none = createProvider('none');
    expect<keyof typeof none.probes>().type.toBe<never>();
  });
});

describe('addProbe', () => {
  test('infers from a list, from an object, and from nothing', () => {
    expect(web.addProbe('a', ['int', 'char *', 'long'])).type.toBe<
      Probe<[number, string, number | bigint]>
    >();
    expect(web.addProbe('b', { function: 'f', args: ['bool', 'json'] })).type.toBe<
      Probe<[boolean, unknown]>
    >();
    expect(web.addProbe('c', { args: ['double'] })).type.toBe<Probe<[number]>>();
    expect(web.addProbe('d', { function: 'f' })).type.toBe<Probe<[]>>();
    expect(web.addProbe('e', {})).type.toBe<Probe<[]>>();
    expect(web.addProbe('f', [])).type.toBe<Probe<[]>>();
    expect(web.addProbe('g')).type.toBe<Probe<[]>>();
  });

  test('takes what is known at run time only', () => {
    const list = [] as CTypeName[];
    const few = [] as readonly ('int' | 'char *')[];
    const shape = {} as ProbeShape;
    expect(web.addProbe).type.toBeCallableWith('a', list);
    expect(web.addProbe('b', few)).type.toBe<Probe<(number | string)[]>>();
    expect(web.addProbe).type.toBeCallableWith('c', shape);
  });
});

describe('fire and fireLazy', () => {
  const { start, done, tick } = web.probes;

  test('take the right values', () => {
    expect(start.fire).type.toBe<(...args: [number, string, number | bigint]) => void>();
    expect(start.fire).type.toBeCallableWith(1, '/', 2);
    expect(start.fire).type.toBeCallableWith(1, '/', 2n);
    expect(done.fire).type.toBeCallableWith(0.5, { any: [1n] }, true, Buffer.alloc(1));
    expect(done.fire).type.toBeCallableWith(0.5, undefined, false, new SharedArrayBuffer(1));
    expect(done.fire).type.toBeCallableWith(0.5, null, false, null);
    expect(tick.fire).type.toBeCallableWith();
    expect(start.fireLazy).type.toBeCallableWith((): [number, string, bigint] => [1, '/', 2n]);
    start.fireLazy(() => [1, '/', 2n]);
    tick.fireLazy(() => []);
  });

  test('take no others', () => {
    expect(start.fire).type.not.toBeCallableWith();
    expect(start.fire).type.not.toBeCallableWith(1, '/');
    expect(start.fire).type.not.toBeCallableWith(1, '/', 2, 3);
    expect(start.fire).type.not.toBeCallableWith('1', '/', 2);
    expect(start.fire).type.not.toBeCallableWith(1n, '/', 2);
    expect(start.fire).type.not.toBeCallableWith(1, undefined, 2);
    expect(start.fire).type.not.toBeCallableWith(1, '/', '2');
    expect(done.fire).type.not.toBeCallableWith(0.5, {}, 1, null);
    expect(done.fire).type.not.toBeCallableWith(0.5, {}, true, 'bytes');
    expect(done.fire).type.not.toBeCallableWith(1n, {}, true, null);
    expect(tick.fire).type.not.toBeCallableWith(1);
  });
});
