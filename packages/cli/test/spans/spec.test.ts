import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/errors.ts';
import { checkSpans, parseSpans, SpanSpecs, spanTitle } from '../../src/spans/spec.ts';
import { fakeProbe } from '../fakes.ts';

const automatic = (probes: ReturnType<typeof fakeProbe>[]) => {
  const specs = new SpanSpecs({ requests: [], automatic: true });
  specs.update(probes);
  return specs.all.map(({ title, start, done, key }) => [title, start, done, key[0]!.start.name]);
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
  const specs = new SpanSpecs({
    requests: parseSpans('--slice', ['a:x-start,x-end'], ['tid']),
    automatic: true,
  });
  specs.update(probes);
  assert.deepEqual(
    specs.all.map(({ done, byThread }) => [done, byThread]),
    [['a:x-end', true]],
  );
  assert.deepEqual(
    probes.map((probe) => specs.rolesOf(probe).map(({ side }) => side)),
    [['start'], [], ['done']],
  );
});

test('a probe may have several roles', () => {
  const probes = ['query-start', 'parse-done', 'query-done'].map((name) => fakeProbe(`a:${name}`, 'int'));
  const specs = new SpanSpecs({
    requests: parseSpans('--latency', ['query-start,parse-done', 'query-start,query-done']),
    automatic: false,
  });
  specs.update(probes);
  assert.deepEqual(
    specs.rolesOf(probes[0]!).map(({ spec, side }) => [spec.title, side]),
    [
      ['a:query-start .. parse-done', 'start'],
      ['a:query', 'start'],
    ],
  );
});

test('probes that appear later join their pair', () => {
  const specs = new SpanSpecs({
    requests: parseSpans('--latency', ['x-start,x-done'], ['arg0']),
    automatic: true,
  });
  specs.update([]);
  const [start, done] = [fakeProbe('a:x-start', 'int'), fakeProbe('a:x-done', 'int')];
  specs.update([start]);
  const spec = specs.all[0]!;
  assert.deepEqual([spec.start, spec.done], ['a:x-start', 'x-done']);
  const more = [start, done, fakeProbe('a:y-start'), fakeProbe('a:y-end')];
  specs.update(more);
  assert.equal(specs.all[0], spec);
  assert.deepEqual([spec.title, spec.done, specs.all[1]!.title], ['a:x', 'a:x-done', 'a:y']);
  assert.equal(specs.rolesOf(done)[0]!.spec, spec);
});

test('keys: for all pairs or for each, several fields, other fields of the end', () => {
  const keys = (pairs: string[], ...texts: string[]) =>
    parseSpans('--latency', pairs, texts).map(({ key }) =>
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
    assert.throws(() => parseSpans('--latency', pairs, texts), UsageError, JSON.stringify([pairs, texts]));
});

test('the end is of the provider of the start', () => {
  const [request] = parseSpans('--latency', ['webapp:x-start,x-done']);
  assert.equal(request!.done.text, 'webapp:x-done');
  assert.equal(parseSpans('--latency', ['webapp:x-start,other:x-done'])[0]!.done.provider, 'other');
});

test('what is missing of a pair is said', () => {
  const requests = parseSpans('--latency', ['x-start,x-done'], ['arg1']);
  assert.deepEqual(checkSpans(requests, []), []);
  assert.deepEqual(checkSpans(requests, [fakeProbe('a:x-start', 'int', 'int')]), [
    '--latency: no traced probe matches x-done yet',
  ]);
  assert.throws(
    () => checkSpans(requests, [fakeProbe('a:x-start', 'int', 'int'), fakeProbe('a:x-done', 'int')]),
    /--key: no probe x-done has an arg1: there are at most 1 arguments/,
  );
});

test('titles of slices', () => {
  assert.equal(spanTitle('a:request-start', 'a:request-done'), 'a:request');
  assert.equal(spanTitle('a:request__start', 'a:request__done'), 'a:request');
  assert.equal(spanTitle('a:request-start', 'a:reply-sent'), 'a:request-start .. reply-sent');
  assert.equal(spanTitle('a:x', 'b:y'), 'a:x .. b:y');
});
