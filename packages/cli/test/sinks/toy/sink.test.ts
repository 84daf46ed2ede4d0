/** What it takes to add a sink: its folder, and its name among the sinks of a pipeline. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../../test/support/folders.ts';
import { Pipeline } from '../../../src/pipeline.ts';
import { PerfettoSink } from '../../../src/sinks/perfetto/sink.ts';
import { parseSpans, SpanSpecs } from '../../../src/spans/spec.ts';
import { SpanStage } from '../../../src/spans/stage.ts';
import { drive, fakeEvent, fakeProbe, fakeSource } from '../../fakes.ts';

import { CsvSink } from './sink.ts';

const start = fakeProbe('a:x-start', 'int');
const done = fakeProbe('a:x-done', 'int');
const events = [
  fakeEvent(start, 100, [1]),
  fakeEvent(start, 200, [2]),
  fakeEvent(done, 350, [2]),
  fakeEvent(done, 400, [1], { pid: 9 }),
  fakeEvent(done, 1100, [1]),
];

const stage = (): SpanStage =>
  new SpanStage(
    new SpanSpecs({ requests: parseSpans('--latency', ['a:x-start,x-done'], ['arg0']), automatic: false }),
  );

test('a new sink gets spans without a word about how they are matched', async () => {
  const csv = new CsvSink();
  await drive(new Pipeline({ spans: stage(), sinks: [csv] }), fakeSource([start, done], [events]));
  assert.equal(csv.text, 'title,pid,begin,nanoseconds\na:x,1,200,150\na:x,1,100,1000\n');
});

test('beside another, both get everything, losses in their place included', async () => {
  const folder = temporaryFolder();
  try {
    const output = join(folder, 'trace.json');
    const spans = stage();
    const csv = new CsvSink();
    const perfetto = new PerfettoSink({ output, patterns: ['a:*'], spans, json: false, quiet: true });
    let lost = 0;
    async function* batches() {
      yield events.slice(0, 3);
      lost = 7;
      yield events.slice(3);
    }
    await drive(new Pipeline({ spans, sinks: [csv, perfetto] }), {
      ...fakeSource([start, done], []),
      get lost() {
        return lost;
      },
      [Symbol.asyncIterator]: batches,
    });
    assert.deepEqual(csv.text.split('\n').slice(1), ['a:x,1,200,150', 'a:x,1,100,1000', '# 7 lost', '']);
    const { traceEvents, otherData } = JSON.parse(readFileSync(output, 'utf8'));
    assert.deepEqual(
      traceEvents
        .filter(({ ph }: { ph: string }) => ph !== 'M')
        .map(({ ph, name }: { ph: string; name: string }) => `${ph} ${name}`),
      ['b a:x', 'e a:x', 'i a:x-done', 'b a:x', 'e a:x', 'i 7 events lost'],
    );
    assert.deepEqual([otherData.events, otherData.slices, otherData.lost], [5, 2, 7]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
