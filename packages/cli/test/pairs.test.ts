import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../src/errors.ts';
import { checkPairs, Pairing, parsePairs, sliceTitle } from '../src/pairs.ts';
import { fakeProbe } from './fakes.ts';

const automatic = (probes: ReturnType<typeof fakeProbe>[]) => {
  const pairing = new Pairing({ requests: [], automatic: true });
  pairing.update(probes);
  return pairing.pairs.map(({ title, start, done, key }) => [title, start, done, key[0]!.start.name]);
};

test('pairs are known by the endings of their names', () => {
  assert.deepEqual(
    automatic([
      fakeProbe('a:request-start', 'int'),
      fakeProbe('a:request-done', 'int', 'int'),
      fakeProbe('a:query__start', 'string'),
      fakeProbe('a:query__end', 'string'),
      fakeProbe('a:gc-begin'),
      fakeProbe('a:gc-end', 'int'),
      fakeProbe('a:function_entry', 'string'),
      fakeProbe('a:function_return', 'string'),
      fakeProbe('a:start', 'int'),
      fakeProbe('a:done', 'int'),
    ]),
    [
      ['a:request', 'a:request-start', 'a:request-done', 'arg0'],
      ['a:query', 'a:query__start', 'a:query__end', 'arg0'],
      ['a:gc', 'a:gc-begin', 'a:gc-end', 'tid'],
      ['a:function', 'a:function_entry', 'a:function_return', 'tid'],
      ['a', 'a:start', 'a:done', 'arg0'],
    ],
  );
});

test('what is not a pair is none', () => {
  assert.deepEqual(
    automatic([
      fakeProbe('a:request-start'),
      fakeProbe('b:request-done'),
      fakeProbe('a:upstart'),
      fakeProbe('a:updone'),
      fakeProbe('a:x-begin'),
      fakeProbe('a:x-done'),
      fakeProbe('a:y-start'),
      fakeProbe('a:y__done'),
    ]),
    [],
  );
});

test('done comes before end, and a pair of the user before one of the names', () => {
  const probes = ['start', 'done', 'end'].map((ending) => fakeProbe(`a:x-${ending}`, 'int'));
  assert.deepEqual(automatic(probes), [['a:x', 'a:x-start', 'a:x-done', 'arg0']]);
  const pairing = new Pairing({
    requests: parsePairs('--slice', ['a:x-start,x-end'], ['tid']),
    automatic: true,
  });
  pairing.update(probes);
  assert.deepEqual(
    pairing.pairs.map(({ done, byThread }) => [done, byThread]),
    [['a:x-end', true]],
  );
  assert.deepEqual(
    probes.map((probe) => pairing.rolesOf(probe).map(({ side }) => side)),
    [['start'], [], ['done']],
  );
});

test('a probe may have several roles', () => {
  const probes = ['query-start', 'parse-done', 'query-done'].map((name) => fakeProbe(`a:${name}`, 'int'));
  const pairing = new Pairing({
    requests: parsePairs('--latency', ['query-start,parse-done', 'query-start,query-done']),
    automatic: false,
  });
  pairing.update(probes);
  assert.deepEqual(
    pairing.rolesOf(probes[0]!).map(({ pair, side }) => [pair.title, side]),
    [
      ['a:query-start .. parse-done', 'start'],
      ['a:query', 'start'],
    ],
  );
});

test('probes that appear later join their pair', () => {
  const pairing = new Pairing({
    requests: parsePairs('--latency', ['x-start,x-done'], ['arg0']),
    automatic: true,
  });
  pairing.update([]);
  const [start, done] = [fakeProbe('a:x-start', 'int'), fakeProbe('a:x-done', 'int')];
  pairing.update([start]);
  const pair = pairing.pairs[0]!;
  assert.deepEqual([pair.start, pair.done], ['a:x-start', 'x-done']);
  const more = [start, done, fakeProbe('a:y-start'), fakeProbe('a:y-end')];
  pairing.update(more);
  assert.equal(pairing.pairs[0], pair);
  assert.deepEqual([pair.title, pair.done, pairing.pairs[1]!.title], ['a:x', 'a:x-done', 'a:y']);
  assert.equal(pairing.rolesOf(done)[0]!.pair, pair);
});

test('keys: for all pairs or for each, several fields, other fields of the end', () => {
  const keys = (pairs: string[], ...texts: string[]) =>
    parsePairs('--latency', pairs, texts).map(({ key }) =>
      key?.map(({ start, done }) => `${start.name}/${done.name}`),
    );
  assert.deepEqual(keys(['a,b', 'c,d']), [undefined, undefined]);
  assert.deepEqual(keys(['a,b', 'c,d'], 'arg0,pid'), [
    ['arg0/arg0', 'pid/pid'],
    ['arg0/arg0', 'pid/pid'],
  ]);
  assert.deepEqual(keys(['a,b', 'c,d'], 'arg0=arg12', 'tid'), [['arg0/arg12'], ['tid/tid']]);
  for (const [pairs, texts] of [
    [['a'], []],
    [['a,'], []],
    [['a,b,c'], []],
    [['a,b'], ['arg']],
    [['a,b'], ['arg0=arg1=arg2']],
    [['a,b'], ['time']],
    [
      ['a,b', 'c,d', 'e,f'],
      ['arg0', 'arg1'],
    ],
    [[], ['arg0']],
  ] as const)
    assert.throws(() => parsePairs('--latency', pairs, texts), UsageError, JSON.stringify([pairs, texts]));
});

test('the end is of the provider of the start', () => {
  const [request] = parsePairs('--latency', ['webapp:x-start,x-done']);
  assert.equal(request!.done.text, 'webapp:x-done');
  assert.equal(parsePairs('--latency', ['webapp:x-start,other:x-done'])[0]!.done.provider, 'other');
});

test('what is missing of a pair is said', () => {
  const requests = parsePairs('--latency', ['x-start,x-done'], ['arg1']);
  assert.deepEqual(checkPairs(requests, [], '--latency'), []);
  assert.deepEqual(checkPairs(requests, [fakeProbe('a:x-start', 'int', 'int')], '--latency'), [
    '--latency: no traced probe matches x-done yet',
  ]);
  assert.throws(
    () => checkPairs(requests, [fakeProbe('a:x-start', 'int', 'int'), fakeProbe('a:x-done', 'int')], '-l'),
    /--key: no probe x-done has an arg1: there are at most 1 arguments/,
  );
});

test('titles of slices', () => {
  assert.equal(sliceTitle('a:request-start', 'a:request-done'), 'a:request');
  assert.equal(sliceTitle('a:request__start', 'a:request__done'), 'a:request');
  assert.equal(sliceTitle('a:request-start', 'a:reply-sent'), 'a:request-start .. reply-sent');
  assert.equal(sliceTitle('a:x', 'b:y'), 'a:x .. b:y');
});
