import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { microseconds, TraceEncoder } from '../../../src/sinks/perfetto/encoder.ts';
import type { TracedProbe, TraceEvent } from '../../../src/sources/source.ts';
import { parseSpans, SpanSpecs } from '../../../src/spans/spec.ts';
import { SpanStage } from '../../../src/spans/stage.ts';
import { connect, fakeEvent, fakeProbe } from '../../fakes.ts';
import { checkFormat, type JsonEvent, type JsonTrace, readTrace } from '../../trace-format.ts';

const start = fakeProbe('a:x-start', 'int', 'string');
const done = fakeProbe('a:x-done', 'int', 'int');
const begin = fakeProbe('a:work-begin');
const end = fakeProbe('a:work-end');
const other = fakeProbe('a:other', 'int64_t', 'double', 'void *', 'bool', 'string');
const PROBES = [start, done, begin, end, other];

function encode(events: TraceEvent[], limit?: number, slices: string[] = [], keys: string[] = []) {
  const specs = new SpanSpecs({ requests: parseSpans('--slice', slices, keys), automatic: true });
  const spans = new SpanStage(specs, limit);
  const encoder = new TraceEncoder();
  let text = '';
  const add = connect(
    spans,
    {
      span: (span) => {
        text += encoder.span(span);
      },
      event: (event, spanned) => {
        text += encoder.event(event, spanned);
      },
    },
    PROBES,
  );
  for (const event of events) add(event);
  for (const span of spans.unfinished()) text += encoder.span(span);
  const traceEvents = JSON.parse(`[${text.slice(0, -2)}]`) as JsonEvent[];
  const trace: JsonTrace = { displayTimeUnit: 'ns', traceEvents, otherData: {} };
  checkFormat(trace);
  return { encoder, spans, trace, events: traceEvents.filter(({ ph }) => ph !== 'M') };
}

const brief = (events: JsonEvent[]) => events.map(({ ph, name, ts }) => [ph, name, ts]);

test('no nanosecond is lost', () => {
  assert.deepEqual([0, 1, 999, 1000, 1_234_567, -1].map(microseconds), [
    '0.000',
    '0.001',
    '0.999',
    '1.000',
    '1234.567',
    '-0.001',
  ]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (time) => {
      const [whole, rest] = microseconds(time).split('.');
      assert.equal(BigInt(whole!) * 1000n + BigInt(rest!), BigInt(time));
    }),
  );
});

test('requests that overlap are asynchronous slices, one lane for each at a time', () => {
  const { events, encoder } = encode([
    fakeEvent(start, 1000, [1, '/']),
    fakeEvent(start, 2000, [2, '/']),
    fakeEvent(done, 3000, [1, 200]),
    fakeEvent(start, 4000, [3, '/']),
    fakeEvent(done, 5500, [3, 200]),
    fakeEvent(done, 6000, [2, 500], { tid: 9 }),
  ]);
  assert.deepEqual(
    events.map(({ ph, ts, tid, id2 }) => [ph, ts, tid, id2!.local]),
    [
      ['b', 1, 1, '0x0'],
      ['e', 3, 1, '0x0'],
      ['b', 4, 1, '0x0'],
      ['e', 5.5, 1, '0x0'],
      ['b', 2, 1, '0x1'],
      ['e', 6, 9, '0x1'],
    ],
  );
  assert.deepEqual(events[4]!.args, { start: { arg0: 2, arg1: '/' }, done: { arg0: 2, arg1: 500 } });
  assert.deepEqual([encoder.slices, encoder.instants, encoder.unfinished], [3, 0, 0]);
});

test('what nests on a thread is on its track; what does not is not', () => {
  const nested = encode([
    fakeEvent(begin, 1000),
    fakeEvent(begin, 2000),
    fakeEvent(end, 3000),
    fakeEvent(end, 4000),
  ]);
  assert.deepEqual(
    nested.events.map(({ ph, ts, dur }) => [ph, ts, dur]),
    [
      ['X', 2, 1],
      ['X', 1, 3],
    ],
  );
  // Two kinds that overlap on one thread.
  const crossing = encode(
    [
      fakeEvent(begin, 1000),
      fakeEvent(start, 2000, [1, '']),
      fakeEvent(end, 3000),
      fakeEvent(done, 4000, [1, 0]),
    ],
    undefined,
    ['x-start,x-done'],
    ['tid'],
  );
  assert.deepEqual(brief(crossing.events), [
    ['b', 'a:work', 1],
    ['e', 'a:work', 3],
    ['X', 'a:x', 2],
  ]);
});

test('an end without a start, a start without an end, a start that is given up', () => {
  const { events, encoder, spans } = encode(
    [
      fakeEvent(done, 1000, [1, 200]),
      fakeEvent(start, 2000, [2, '']),
      fakeEvent(start, 3000, [3, '']),
      fakeEvent(start, 4000, [3, '']),
      fakeEvent(start, 5000, [4, '']),
      fakeEvent(begin, 6000),
    ],
    2,
  );
  assert.deepEqual(brief(events), [
    ['i', 'a:x-done', 1],
    ['i', 'a:x-start', 3],
    ['i', 'a:x-start', 2],
    ['b', 'a:x', 4],
    ['b', 'a:x', 5],
    ['B', 'a:work', 6],
  ]);
  assert.deepEqual([encoder.slices, encoder.instants, encoder.unfinished], [0, 3, 3]);
  assert.deepEqual(
    spans.mismatched().map(({ title }) => title),
    ['a:x'],
  );
});

test('processes are told apart', () => {
  const { events } = encode([
    fakeEvent(start, 1000, [1, ''], { pid: 1, tid: 1 }),
    fakeEvent(start, 2000, [1, ''], { pid: 2, tid: 2 }),
    fakeEvent(done, 3000, [1, 0], { pid: 2, tid: 2 }),
    fakeEvent(done, 4000, [1, 0], { pid: 1, tid: 1 }),
  ]);
  assert.deepEqual(
    events.map(({ ph, pid, ts }) => [ph, pid, ts]),
    [
      ['b', 2, 2],
      ['e', 2, 3],
      ['b', 1, 1],
      ['e', 1, 4],
    ],
  );
});

test('names are told once, and again when they change', () => {
  const { trace } = encode([
    fakeEvent(other, 1, [], { pid: 5, tid: 6, comm: 'app', thread: 'worker "1"' }),
    fakeEvent(other, 2, [], { pid: 5, tid: 5, comm: 'app', thread: 'main' }),
    fakeEvent(other, 3, [], { pid: 5, tid: 6, comm: 'app', thread: 'worker "1"' }),
    fakeEvent(other, 4, [], { pid: 5, tid: 6, comm: 'app', thread: 'renamed' }),
    fakeEvent(other, 5, [], { pid: 5, tid: 7, comm: '', thread: '' }),
  ]);
  assert.deepEqual(
    trace.traceEvents
      .filter(({ ph }) => ph === 'M')
      .map(({ name, pid, tid, args }) => [name, pid, tid, args.name]),
    [
      ['process_name', 5, 5, 'app'],
      ['thread_name', 5, 6, 'worker "1"'],
      ['process_name', 5, 5, 'app'],
      ['thread_name', 5, 5, 'main'],
      ['thread_name', 5, 6, 'renamed'],
    ],
  );
});

test('values that JSON does not have', () => {
  const { events } = encode([
    fakeEvent(other, 1, [2n ** 63n, Number.NaN, -1n, true, 'a"\n\u0000\ud800']),
    fakeEvent(other, 2, [-5, Number.NEGATIVE_INFINITY, 16, false, undefined]),
  ]);
  assert.deepEqual(
    events.map(({ args }) => args),
    [
      {
        arg0: '9223372036854775808',
        arg1: 'NaN',
        arg2: '0xffffffffffffffff',
        arg3: true,
        arg4: 'a"\n\u0000\ud800',
      },
      { arg0: -5, arg1: '-Infinity', arg2: '0x10', arg3: false, arg4: null },
    ],
  );
});

interface Step {
  readonly probe: TracedProbe;
  readonly key: number;
  readonly thread: number;
}

/** Slices in the plainest way: a search through what has begun. */
function expected(events: readonly TraceEvent[]): string[] {
  const slices: string[] = [];
  let open: TraceEvent[] = [];
  for (const event of events) {
    const { probe, args, pid, tid } = event;
    const same = (one: TraceEvent) =>
      (probe === done || probe === start
        ? one.probe === start && one.args[0] === args[0]
        : one.probe === begin && one.tid === tid) && one.pid === pid;
    if (probe === start) open = open.filter((one) => !same(one));
    if (probe === start || probe === begin) open.push(event);
    if (probe !== done && probe !== end) continue;
    const at = open.map(same).lastIndexOf(true);
    if (at === -1) continue;
    const [one] = open.splice(at, 1);
    slices.push(`${probe === done ? 'a:x' : 'a:work'} ${one!.time}+${event.time - one!.time}`);
  }
  return slices.sort();
}

test('whatever happens, every event is in the trace once and every slice is right', async () => {
  const steps = fc.array(
    fc.record<Step>({
      probe: fc.constantFrom(...PROBES),
      key: fc.integer({ min: 0, max: 3 }),
      thread: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 120 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const input = list.map(({ probe, key, thread }, n) =>
        // Two processes of two threads each; times that are not whole microseconds.
        fakeEvent(probe, (n + 1) * 1003, [key, 'text'], {
          pid: 10 + (thread >> 1) * 10,
          tid: 10 + thread * 5,
        }),
      );
      const { events, encoder, trace } = encode(input);
      assert.equal(encoder.slices * 2 + encoder.instants + encoder.unfinished, input.length);
      const ends = new Map<string, JsonEvent[]>();
      const found: string[] = [];
      const nano = (value: number): number => Math.round(value * 1000);
      for (const event of [...events].sort((a, b) => a.ts - b.ts)) {
        const lane = `${event.pid} ${event.name} ${event.id2?.local}`;
        if (event.ph === 'X') found.push(`${event.name} ${nano(event.ts)}+${nano(event.dur!)}`);
        if (event.ph === 'b') ends.set(lane, [event]);
        if (event.ph === 'e') {
          const [first] = ends.get(lane)!;
          found.push(`${event.name} ${nano(first!.ts)}+${nano(event.ts) - nano(first!.ts)}`);
        }
      }
      assert.deepEqual(found.sort(), expected(input));
      // Another reader sees the same slices on the threads.
      const complete = events.filter(({ ph }) => ph === 'X');
      if (complete.length === 0) return;
      const { threadSlices } = await readTrace(trace);
      const list2 = (slices: readonly { tid: number; name: string; ts: number; dur?: number }[]) =>
        slices.map(({ tid, name, ts, dur }) => `${tid} ${name} ${nano(ts)}+${nano(dur!)}`).sort();
      // It leaves out what is still open.
      if (events.every(({ ph }) => ph !== 'B')) assert.deepEqual(list2(threadSlices), list2(complete));
    }),
    { numRuns: 60 },
  );
});
