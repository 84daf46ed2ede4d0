import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP_LIMIT } from '../../../src/groups.ts';
import { type GroupField, Statistics } from '../../../src/sinks/stat/statistics.ts';
import { jsonSnapshot, plainLines, type Surroundings, screenLines } from '../../../src/sinks/stat/view.ts';
import type { TraceEvent } from '../../../src/sources/source.ts';
import { parseSpans, SpanSpecs } from '../../../src/spans/spec.ts';
import { SpanStage } from '../../../src/spans/stage.ts';
import { connect, fakeEvent, fakeProbe } from '../../fakes.ts';

const start = fakeProbe('a:x-start', 'int', 'string');
const done = fakeProbe('a:x-done', 'int', 'int');
const ARG1: GroupField = { name: 'arg1', argument: 1, side: undefined };

function make(by: GroupField[] = [], key?: string): Statistics & { add(event: TraceEvent): void } {
  const requests = parseSpans('--latency', ['x-start,x-done'], key ? [key] : []);
  const spans = new SpanStage(new SpanSpecs({ requests, automatic: false }));
  const statistics = new Statistics(by, spans);
  return Object.assign(statistics, { add: connect(spans, statistics, [start, done]) });
}

const around: Surroundings = {
  patterns: ['a:*'],
  by: ['arg1'],
  time: '12:00:00',
  elapsed: 61,
  lost: 0,
  problems: [],
  unicode: true,
};

test('counts, rates of the interval and of the whole time', () => {
  const statistics = make();
  const rows = (final = false) =>
    statistics.snapshot(2, final).counts.map(({ probe, count, rate }) => [probe, count, rate]);
  assert.deepEqual(rows(), [
    ['x-start', 0, 0],
    ['x-done', 0, 0],
  ]);
  for (let n = 0; n < 10; n++) statistics.add(fakeEvent(start, n, [n, '']));
  assert.deepEqual(rows()[0], ['x-start', 10, 5]);
  statistics.add(fakeEvent(start, 11, [11, '']));
  assert.deepEqual(rows()[0], ['x-start', 11, 0.5]);
  assert.deepEqual(rows(true)[0], ['x-start', 11, 5.5]);
});

test('latencies are by key, within a process', () => {
  const statistics = make();
  statistics.add(fakeEvent(start, 100, [1, '']));
  statistics.add(fakeEvent(start, 200, [1, ''], { pid: 2 }));
  statistics.add(fakeEvent(start, 250, [2n, '']));
  statistics.add(fakeEvent(done, 1100, [1, 200]));
  statistics.add(fakeEvent(done, 1250, [2, 200]));
  statistics.add(fakeEvent(done, 1300, [3, 200]));
  const [span] = statistics.snapshot(1).spans;
  assert.deepEqual([span!.total.count, span!.total.min, span!.total.max], [2, 1000, 1000]);
  assert.deepEqual([span!.pending, span!.unmatched], [1, 1]);
});

test('keys of several fields, and other fields of the end', () => {
  const several = make([], 'arg0,tid');
  several.add(fakeEvent(start, 0, [1, ''], { tid: 5 }));
  several.add(fakeEvent(done, 10, [1, 0], { tid: 6 }));
  several.add(fakeEvent(done, 20, [1, 0], { tid: 5 }));
  assert.deepEqual(
    [several.snapshot(1).spans[0]!.total.max, several.snapshot(1).spans[0]!.unmatched],
    [20, 1],
  );
  const other = make([], 'arg0=arg1');
  other.add(fakeEvent(start, 0, [7, '']));
  other.add(fakeEvent(done, 30, [1, 7]));
  assert.equal(other.snapshot(1).spans[0]!.total.max, 30);
});

test('groups: the most frequent first, no text is taken for another, and a limit', () => {
  const statistics = make([ARG1]);
  for (const text of ['b', '', 'b', 'undefined', '-']) statistics.add(fakeEvent(start, 0, [1, text]));
  assert.deepEqual(
    statistics.snapshot(1).counts.map(({ probe, group, count }) => [probe, group.label, count]),
    [
      ['x-start', '"b"', 2],
      ['x-start', '""', 1],
      ['x-start', '"undefined"', 1],
      ['x-start', '"-"', 1],
      ['x-done', '', 0],
    ],
  );
  for (let n = 0; n < GROUP_LIMIT + 50; n++) {
    statistics.add(fakeEvent(start, n, [n, '']));
    statistics.add(fakeEvent(done, n + 1, [n, n]));
  }
  const { counts, spans } = statistics.snapshot(1);
  const dones = counts.filter(({ probe }) => probe === 'x-done');
  assert.ok(dones.length <= GROUP_LIMIT + 1 && spans[0]!.groups.length <= GROUP_LIMIT + 1);
  assert.equal(
    dones.reduce((sum, { count }) => sum + count, 0),
    GROUP_LIMIT + 50,
  );
  assert.ok(dones[0]!.group.label === '(others)' && dones[0]!.count > 1);
  assert.equal(
    spans[0]!.groups.reduce((sum, { count }) => sum + count, 0),
    GROUP_LIMIT + 50,
  );
});

test('latencies are grouped by the end, or by the start', () => {
  const groups = (by: GroupField) => {
    const statistics = make([by]);
    statistics.add(fakeEvent(start, 0, [1, '/']));
    statistics.add(fakeEvent(done, 5, [1, 200]));
    const { counts, spans } = statistics.snapshot(1);
    return [counts.map(({ group }) => group.label), spans[0]!.groups.map(({ group }) => group.label)];
  };
  assert.deepEqual(groups(ARG1), [['"/"', '200'], ['200']]);
  assert.deepEqual(groups({ ...ARG1, side: 'start' }), [['"/"', ''], ['"/"']]);
  assert.deepEqual(groups({ ...ARG1, side: 'done' }), [['', '200'], ['200']]);
});

test('counting anew forgets the past, but not what has begun', () => {
  const statistics = make();
  statistics.add(fakeEvent(start, 0, [1, '']));
  statistics.reset();
  assert.equal(statistics.snapshot(1).events, 0);
  statistics.add(fakeEvent(done, 5, [1, 0]));
  const { counts, spans } = statistics.snapshot(1);
  assert.deepEqual(
    counts.map(({ count }) => count),
    [0, 1],
  );
  assert.deepEqual([spans[0]!.total.max, spans[0]!.pending], [5, 0]);
});

test('the screen never has more lines than the terminal, and says what is left out', () => {
  const statistics = make([ARG1]);
  for (let n = 0; n < 300; n++) {
    statistics.add(fakeEvent(start, n * 10, [n, `/${n}`]));
    statistics.add(fakeEvent(done, n * 10 + 2 ** (n % 30), [n, n % 40]));
  }
  const snapshot = statistics.snapshot(1);
  for (let rows = 1; rows < 80; rows++) {
    const lines = screenLines(
      snapshot,
      { ...around, problems: ['something'] },
      { columns: 80, rows },
      'q quit',
    );
    assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
    assert.ok(lines.every((line) => !line.includes('\n')));
    if (rows >= 24) {
      const text = lines.join('\n');
      assert.match(text, /\.\.\. \d+ more rows/);
      assert.match(text, /a:x-start.* → .*a:x-done/);
      assert.match(text, /q quit/);
      assert.match(text, /█/);
    }
  }
});

test('what is lost or given up is said everywhere', () => {
  const statistics = make();
  statistics.add(fakeEvent(start, 0, [1, '']));
  statistics.add(fakeEvent(start, 1, [1, '']));
  statistics.add(fakeEvent(done, 2, [2, 0]));
  const snapshot = statistics.snapshot(1);
  const lossy = { ...around, lost: 42 };
  for (const lines of [
    plainLines(snapshot, lossy),
    screenLines(snapshot, lossy, { columns: 80, rows: 24 }, ''),
  ]) {
    const text = lines.join('\n');
    assert.match(text, /42 lost|lost 42/);
    assert.match(text, /1 without a start/);
    assert.match(text, /1 started again/);
    assert.match(text, /1 pending|pending 1/);
  }
  const json = JSON.parse(JSON.stringify(jsonSnapshot(snapshot, 'T', 42, false)));
  assert.equal(json.lost, 42);
  const [{ unmatched, replaced, pending }] = json.latencies;
  assert.deepEqual([unmatched, replaced, pending], [1, 1, 1]);
});

test('in JSON a group is told by its values, also by those that JSON does not have', () => {
  const statistics = make([ARG1]);
  for (const value of [2n ** 63n, Number.NaN, Number.NEGATIVE_INFINITY, undefined, 1.5])
    statistics.add(fakeEvent(done, 1, [1, value]));
  const { counts } = jsonSnapshot(statistics.snapshot(1), 'T', 0, false) as {
    counts: { probe: string; by?: unknown[] }[];
  };
  assert.deepEqual(
    counts.filter(({ probe }) => probe === 'x-done').map(({ by }) => by),
    [['9223372036854775808'], ['NaN'], ['-Infinity'], [null], [1.5]],
  );
});
