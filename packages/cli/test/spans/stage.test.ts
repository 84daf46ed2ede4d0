import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpans, SpanSpecs } from '../../src/spans/spec.ts';
import { type Span, SpanStage } from '../../src/spans/stage.ts';
import { connect, fakeEvent, fakeProbe } from '../fakes.ts';

const start = fakeProbe('a:x-start', 'int');
const done = fakeProbe('a:x-done', 'int');
const other = fakeProbe('a:other', 'int');

function stage(latency = 'a:x-start,x-done', limit?: number) {
  const requests = parseSpans('--latency', [latency], ['arg0']);
  const spans = new SpanStage(new SpanSpecs({ requests, automatic: false }), limit);
  const log: string[] = [];
  const add = connect(
    spans,
    {
      span: ({ state, start, done }) => log.push(`${state} ${start.time}${done ? `-${done.time}` : ''}`),
      event: ({ time }, spanned) => log.push(`event ${time}${spanned ? '' : ' alone'}`),
    },
    [start, done, other],
  );
  return { spans, log, add };
}

test('a span is given when it begins and when it ends, before the event that does so', () => {
  const { log, add } = stage();
  add(fakeEvent(start, 1, [7]));
  add(fakeEvent(other, 2, [7]));
  add(fakeEvent(done, 3, [7]));
  add(fakeEvent(done, 4, [7]));
  assert.deepEqual(log, ['started 1', 'event 1', 'event 2 alone', 'done 1-3', 'event 3', 'event 4 alone']);
});

test('spans of different processes have nothing to do with each other', () => {
  const { log, add, spans } = stage();
  add(fakeEvent(start, 1, [7]));
  add(fakeEvent(done, 2, [7], { pid: 2 }));
  assert.deepEqual(log.slice(2), ['event 2 alone']);
  const { pending, unmatched } = spans.countsOf(spans.specs.all[0]!);
  assert.deepEqual([pending, unmatched], [1, 1]);
});

test('what begins again and what is too much is given up, and is over', () => {
  const { log, add } = stage(undefined, 2);
  for (const [time, key] of [
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
  ] as const)
    add(fakeEvent(start, time, [key]));
  assert.deepEqual(
    log.filter((line) => line.startsWith('evicted')),
    ['evicted 2', 'evicted 1'],
  );
});

test('a probe that ends one span and begins the next measures the time between its events', () => {
  const { log, add } = stage('a:other,a:other');
  for (const time of [10, 25, 45]) add(fakeEvent(other, time, [1]));
  assert.deepEqual(
    log.filter((line) => line.startsWith('done')),
    ['done 10-25', 'done 25-45'],
  );
});

test('no two spans that are open have the same number, and numbers are used again', () => {
  const requests = parseSpans('--latency', ['a:x-start,x-done'], ['arg0']);
  const spans = new SpanStage(new SpanSpecs({ requests, automatic: true }), 10);
  const open = new Map<number, Span>();
  let most = 0;
  const add = connect(
    spans,
    {
      span: (span) => {
        if (span.state === 'started') {
          assert.ok(!open.has(span.slot));
          open.set(span.slot, span);
          most = Math.max(most, span.slot);
        } else {
          assert.equal(open.get(span.slot), span);
          open.delete(span.slot);
        }
      },
    },
    [start, done],
  );
  for (let n = 0; n < 1000; n++) add(fakeEvent(n % 3 === 2 ? done : start, n, [(n * 7) % 23]));
  assert.equal(open.size, spans.unfinished().length);
  assert.ok(most <= 10, `${most}`);
});

test('what is open at the end is given in order of time', () => {
  const { add, spans } = stage();
  for (const time of [5, 6, 7]) add(fakeEvent(start, time, [9 - time]));
  assert.deepEqual(
    spans.unfinished().map(({ state, start }) => `${state} ${start.time}`),
    ['unfinished 5', 'unfinished 6', 'unfinished 7'],
  );
});
