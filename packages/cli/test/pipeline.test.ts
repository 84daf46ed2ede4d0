/** What sinks may rely on, whatever the source. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../src/errors.ts';
import { parseField } from '../src/fields.ts';
import { Pipeline } from '../src/pipeline.ts';
import type { Sink } from '../src/sinks/sink.ts';
import type { RecordLayout, ThreadInfo } from '../src/sources/record.ts';
import type { Source, TraceEvent } from '../src/sources/source.ts';
import { SpanSpecs } from '../src/spans/spec.ts';
import { SpanStage } from '../src/spans/stage.ts';
import { drive, fakeEvent, fakeProbe, fakeSource, written } from './fakes.ts';

const start = fakeProbe('a:x-start', 'int');
const done = fakeProbe('a:x-done', 'int');

/** Writes down what it is called with. */
class LogSink implements Sink {
  readonly log: string[] = [];
  probes(probes: readonly { readonly name: string }[]): void {
    this.log.push(`probes ${probes.map(({ name }) => name).join(' ')}`);
  }
  begin(): void {
    this.log.push('begin');
  }
  span({ state, slot }: { readonly state: string; readonly slot: number }): void {
    this.log.push(`${state} ${slot}`);
  }
  event({ probe, time }: TraceEvent, spanned: boolean): void {
    this.log.push(`${probe.name} ${time}${spanned ? ' spanned' : ''}`);
  }
  lost({ more, total, time }: { more: number; total: number; time: number }): void {
    this.log.push(`lost ${more} of ${total} by ${time}`);
  }
  flush(): void {
    this.log.push('flush');
  }
  end(): void {
    this.log.push('end');
  }
  summary(): string {
    this.log.push('summary');
    return 'that was all';
  }
  close(): void {
    this.log.push('close');
  }
}

test('a sink is told of probes, spans, events, writing and the end, in that order', async () => {
  const sink = new LogSink();
  const spans = new SpanStage(new SpanSpecs({ requests: [], automatic: true }));
  const batch = [
    fakeEvent(done, 1, [1]),
    fakeEvent(start, 2, [1]),
    fakeEvent(start, 3, [2]),
    fakeEvent(done, 4, [1]),
    fakeEvent(start, 5, [3]),
  ];
  const { stderr } = await written(() =>
    drive(new Pipeline({ spans, sinks: [sink] }), fakeSource([start, done], [batch])),
  );
  assert.deepEqual(sink.log, [
    ...['probes x-start x-done', 'begin'],
    ...['x-done 1', 'started 0', 'x-start 2 spanned', 'started 1', 'x-start 3 spanned'],
    // A number that is free is given again.
    ...['done 0', 'x-done 4 spanned', 'started 0', 'x-start 5 spanned', 'flush'],
    ...['unfinished 1', 'unfinished 0', 'end', 'summary', 'close'],
  ]);
  assert.equal(stderr, 'usdt: that was all\n');
});

test('more probes are told before their events, and no events after a limit', async () => {
  const sink = new LogSink();
  const probes = [start];
  const more = fakeProbe('a:more');
  const source: Source = {
    ...fakeSource(probes, []),
    async *[Symbol.asyncIterator]() {
      yield [fakeEvent(start, 1)];
      probes.push(more);
      yield [fakeEvent(more, 2), fakeEvent(more, 3)];
      throw new Error('nobody asked for more');
    },
  };
  await written(() => drive(new Pipeline({ sinks: [sink], limit: 2 }), source));
  assert.deepEqual(sink.log, [
    ...['probes x-start', 'begin', 'x-start 1', 'flush'],
    ...['probes x-start more', 'more 2', 'flush', 'end', 'summary', 'close'],
  ]);
});

test('losses are told once, to the sinks and in one sentence, and when it suits what is shown', async () => {
  const run = async (losses: 'batch' | 'end') => {
    const sink = new LogSink();
    let lost = 0;
    const source = fakeSource([start], []);
    const { stderr } = await written(() =>
      drive(new Pipeline({ sinks: [sink], losses }), {
        ...source,
        get lost() {
          return lost;
        },
        async *[Symbol.asyncIterator]() {
          yield [fakeEvent(start, 1)];
          lost = 3;
          yield [fakeEvent(start, 2)];
          yield [fakeEvent(start, 3)];
          lost = 5;
        },
      }),
    );
    return [sink.log.filter((line) => /lost|end/.test(line)), stderr.match(/\d+ events? lost/g)];
  };
  assert.deepEqual(await run('batch'), [
    ['lost 3 of 3 by 2', 'lost 2 of 5 by 3', 'end'],
    ['3 events lost', '5 events lost'],
  ]);
  assert.deepEqual(await run('end'), [['end', 'lost 5 of 5 by 3'], ['5 events lost']]);
});

test('a sink that takes records gets them alone, as many as the limit says', async () => {
  const times: number[] = [];
  const sink: Sink = {
    record: (_, time) => times.push(time),
    event: () => assert.fail('an object was made of it'),
  };
  const pipeline = new Pipeline({ sinks: [sink], limit: 2 });
  const thread: ThreadInfo = { pid: 1, tid: 1, comm: 'fake', thread: 'fake' };
  const visit = (time: number): void =>
    pipeline.visit!(
      {} as RecordLayout,
      time,
      0,
      thread,
      Buffer.alloc(0),
      new DataView(new ArrayBuffer(0)),
      0,
    );
  const source = fakeSource([start], []);
  await pipeline.ready(source);
  visit(1);
  assert.equal(await pipeline.events([], source), true);
  visit(2);
  visit(3);
  assert.equal(await pipeline.events([], source), false);
  assert.deepEqual(times, [1, 2]);
  assert.equal(new Pipeline({ sinks: [new LogSink()] }).visit, undefined);
});

test('a large batch is written in pieces', async () => {
  const sink = new LogSink();
  const batch = Array.from({ length: 2500 }, (_, n) => fakeEvent(start, n));
  await written(() => drive(new Pipeline({ sinks: [sink] }), fakeSource([start], [batch])));
  assert.equal(sink.log.filter((line) => line === 'flush').length, 3);
});

test('what can not be is said before anything begins, and the sinks are closed', async () => {
  const sink = new LogSink();
  const by = [parseField('arg3', '--by')];
  await assert.rejects(
    drive(new Pipeline({ sinks: [sink], by }), fakeSource([start], [])),
    new UsageError('--by: no matching probe has an arg3: there are at most 1 arguments'),
  );
  assert.deepEqual(sink.log, ['close']);
});
