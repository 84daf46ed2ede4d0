/** Metrics of made-up events, in the format of Prometheus as promtool reads it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { without } from '../../../../../test/support/needs.ts';
import { type Field, parseField } from '../../../src/fields.ts';
import { GROUP_LIMIT } from '../../../src/groups.ts';
import { Metrics } from '../../../src/sinks/prometheus/metrics.ts';
import type { TracedProbe, TraceEvent } from '../../../src/sources/source.ts';
import { parseSpans, SpanSpecs } from '../../../src/spans/spec.ts';
import { SpanStage } from '../../../src/spans/stage.ts';
import { connect } from '../../fakes.ts';

function probe(index: number, name: string): TracedProbe {
  const type = { name: 'int32_t', kind: 'integer', signed: true, scale: 1, problem: undefined } as const;
  const site = { provider: 'webapp', name, sdtProvider: 'webapp', sdtName: name };
  return { index, provider: 'webapp', name, file: '/bin/webapp', site, arguments: [type, type] } as never;
}
const START = probe(0, 'request-start');
const DONE = probe(1, 'request-done');

function event(
  of: TracedProbe,
  milliseconds: number,
  args: readonly (number | string)[],
  pid = 7,
): TraceEvent {
  return {
    time: milliseconds * 1e6,
    cpu: 0,
    pid,
    tid: pid,
    comm: 'webapp',
    thread: 'webapp',
    probe: of,
    args,
  };
}

function metrics(by: readonly string[] = [], lost = 0): Metrics & { add(event: TraceEvent): void } {
  const requests = parseSpans('--latency', ['webapp:request-start,request-done'], ['arg0']);
  const fields = by.map((name): Field => parseField(name, '--by'));
  const spans = new SpanStage(new SpanSpecs({ requests, automatic: false }));
  const made = new Metrics({ by: fields, spans, buckets: [0.001, 0.01, 0.1], lost: () => lost });
  return Object.assign(made, { add: connect(spans, made, [START, DONE]) });
}

/** Samples by their names and labels, these in the order of the alphabet. */
async function samples(of: Metrics): Promise<Record<string, number>> {
  const text = await of.text();
  const found = text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm);
  return Object.fromEntries(
    Array.from(found, ([, name, labels, value]) => {
      const sorted = [...(labels ?? '').matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort();
      return [`${name}{${sorted.join(',')}}`, Number(value)];
    }),
  );
}

const PAIR = 'done="webapp:request-done",start="webapp:request-start"';

test('counts, latencies by bucket, what found no partner, what was lost', async () => {
  const some = metrics([], 17);
  assert.deepEqual((await samples(some))['usdt_events_total{probe="request-start",provider="webapp"}'], 0);
  for (const [id, took] of [
    [1, 0.5],
    [2, 1],
    [3, 5],
    [4, 5000],
  ] as const) {
    some.add(event(START, 100, [id, 0]));
    some.add(event(DONE, 100 + took, [id, 200]));
  }
  some.add(event(DONE, 6000, [99, 200]));
  some.add(event(START, 6000, [100, 200]));
  // The same key in another process is another request.
  some.add(event(DONE, 6001, [100, 200], 8));
  const found = await samples(some);
  assert.equal(found['usdt_events_total{probe="request-start",provider="webapp"}'], 5);
  assert.equal(found['usdt_events_total{probe="request-done",provider="webapp"}'], 6);
  assert.equal(found['usdt_lost_events_total{}'], 17);
  assert.equal(found['usdt_probe_sites{}'], 2);
  const bucket = (le: string) => found[`usdt_latency_seconds_bucket{${PAIR.replace(',', `,le="${le}",`)}}`];
  assert.deepEqual(['0.001', '0.01', '0.1', '+Inf'].map(bucket), [2, 3, 3, 4]);
  assert.equal(found[`usdt_latency_seconds_count{${PAIR}}`], 4);
  assert.ok(Math.abs(found[`usdt_latency_seconds_sum{${PAIR}}`]! - 5.0065) < 1e-9);
  assert.equal(found[`usdt_latency_unmatched_total{${PAIR}}`], 2);
  assert.equal(found[`usdt_latency_pending{${PAIR}}`], 1);
  // Asked again, nothing has grown.
  assert.deepEqual(await samples(some), found);
});

test('fields become labels, whatever is in them; too many values are counted together', async () => {
  const some = metrics(['arg1', 'comm']);
  const strange = 'a"b\\c\nd';
  some.add(event(DONE, 1, [1, strange]));
  some.add(event(DONE, 1, [1, strange]));
  const text = await some.text();
  assert.ok(
    text.includes(
      'usdt_events_total{provider="webapp",probe="request-done",arg1="a\\"b\\\\c\\nd",comm="webapp"} 2',
    ),
    text,
  );
  for (let i = 0; i < 2 * GROUP_LIMIT; i++) {
    some.add(event(START, 1, [i, 0]));
    some.add(event(DONE, 2, [i, i]));
  }
  const found = Object.entries(await samples(some));
  const dones = found.filter(([name]) => /^usdt_events_total.*request-done/.test(name));
  assert.equal(dones.length, GROUP_LIMIT + 1);
  assert.equal(
    dones.reduce((sum, [, value]) => sum + value, 0),
    2 * GROUP_LIMIT + 2,
  );
  const [, others] = dones.find(([name]) => name.includes('arg1="(others)"'))!;
  assert.equal(others, GROUP_LIMIT + 1);
  const latencies = found.filter(([name]) => name.startsWith('usdt_latency_seconds_count'));
  assert.equal(latencies.length, GROUP_LIMIT + 1);
  assert.equal(
    latencies.reduce((sum, [, value]) => sum + value, 0),
    2 * GROUP_LIMIT,
  );
});

test("Prometheus' own checker has nothing to say against them", { skip: without('promtool') }, async () => {
  const some = metrics();
  some.add(event(START, 1, [1, 0]));
  some.add(event(DONE, 2, [1, 0]));
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await some.text(),
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
  assert.equal(stdout + stderr, '');
});
