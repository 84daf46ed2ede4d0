/**
 * What the compiler says about mistakes: each message names the mistake. TSTyche compares the messages with those that
 * are written here, for the TypeScripts that it can run; messages.test.ts does so for the one that is installed.
 */
import { describe, test } from 'tstyche';
import { createProvider } from '../../src/index.ts';

const web = createProvider('webapp', {
  probes: { start: ['uint32_t', 'char *'], done: { args: ['int64_t'] }, tick: [] },
});
const { start, done, tick } = web.probes;

describe('a type that is unknown', () => {
  test('in addProbe', () => {
    // @ts-expect-error Type '"uint33_t"' is not assignable to type 'CTypeName'. Did you mean '"uint32_t"'?
    web.addProbe('a', ['uint33_t']);
    // @ts-expect-error Type '"uint33_t"' is not assignable to type 'CTypeName'. Did you mean '"uint32_t"'?
    web.addProbe('b', { args: ['uint33_t'] });
    // @ts-expect-error Type '"int*"' is not assignable to type 'CTypeName'.
    web.addProbe('c', ['int', 'int*']);
    // @ts-expect-error Type '"int64_t*1.5"' is not assignable to type 'CTypeName'.
    web.addProbe('d', ['int64_t*1.5']);
    // @ts-expect-error Type '"double*10"' is not assignable to type 'CTypeName'.
    web.addProbe('e', ['double*10']);
  });

  test('in createProvider', () => {
    // @ts-expect-error Type '"uint33_t"' is not assignable to type 'CTypeName'. Did you mean '"uint32_t"'?
    createProvider('a', { probes: { start: ['int', 'uint33_t'] } });
    // @ts-expect-error Type '"string"' is not assignable to type 'CTypeName'.
    createProvider('b', { probes: { start: { args: ['string'] } } });
  });

  test('in a list that is not a literal', () => {
    const words: string[] = ['int'];
    // @ts-expect-error Type 'string' is not assignable to type 'CTypeName'.
    web.addProbe('a', words);
  });
});

describe('a shape that is none', () => {
  test('in addProbe', () => {
    // @ts-expect-error 'functoin' does not exist in type
    web.addProbe('a', { functoin: 'f', args: ['int'] });
    // @ts-expect-error Type 'number' is not assignable to type 'string'.
    web.addProbe('b', { function: 5 });
    // @ts-expect-error Argument of type '"int"' is not assignable to parameter of type
    web.addProbe('c', 'int');
  });

  test('in createProvider', () => {
    // @ts-expect-error 'probs' does not exist in type 'ProviderOptions<Record<never, never>>'. Did you mean to write 'probes'?
    createProvider('a', { probs: { start: ['int'] } });
  });
});

describe('a probe that is not there', () => {
  test('has no name in provider.probes', () => {
    // @ts-expect-error Property 'strat' does not exist on type ... Did you mean 'start'?
    web.probes.strat;
    // @ts-expect-error Property 'start' does not exist on type
    createProvider('none').probes.start;
  });
});

describe('fire', () => {
  test('with a wrong type', () => {
    // @ts-expect-error Argument of type 'string' is not assignable to parameter of type 'number'.
    start.fire('1', '/');
    // @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'string'.
    start.fire(1, 2);
    // @ts-expect-error Argument of type 'bigint' is not assignable to parameter of type 'number'.
    start.fire(1n, '/');
    // @ts-expect-error Argument of type 'string' is not assignable to parameter of type 'number | bigint'.
    done.fire('1');
  });

  test('with too few and too many', () => {
    // @ts-expect-error Expected 2 arguments, but got 0.
    start.fire();
    // @ts-expect-error Expected 2 arguments, but got 1.
    start.fire(1);
    // @ts-expect-error Expected 2 arguments, but got 3.
    start.fire(1, '/', 3);
    // @ts-expect-error Expected 0 arguments, but got 1.
    tick.fire(1);
  });
});

describe('fireLazy', () => {
  test('with a wrong type', () => {
    // @ts-expect-error Type 'string' is not assignable to type 'number'.
    start.fireLazy(() => ['1', '/']);
    // @ts-expect-error Argument of type '(string | number)[]' is not assignable to parameter of type '() => [number, string]'.
    start.fireLazy([1, '/']);
  });

  test('with too few and too many', () => {
    // @ts-expect-error Source has 1 element(s) but target requires 2.
    start.fireLazy(() => [1]);
    // @ts-expect-error Source has 3 element(s) but target allows only 2.
    start.fireLazy(() => [1, '/', 3]);
  });
});
