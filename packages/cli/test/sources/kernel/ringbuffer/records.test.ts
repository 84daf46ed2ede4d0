import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordQueue } from '../../../../src/sources/kernel/ringbuffer/records.ts';

/** What a processor has written: by time, each with its text. */
const written = fc
  .array(fc.record({ time: fc.nat(50), text: fc.stringMatching(/^[a-z]{1,8}$/) }), { maxLength: 8 })
  .map((records) => records.sort((a, b) => a.time - b.time));
/** What is read in one round, and the time up to which it is told. */
const round = fc.record({ cpus: fc.array(written, { maxLength: 3 }), limit: fc.nat(60) });

test('records come in order of time, with their data; what is newer than the limit comes in a later round', () => {
  fc.assert(
    fc.property(fc.array(round, { maxLength: 6 }), (rounds) => {
      const queue = new RecordQueue();
      const memory = Buffer.alloc(4096);
      let kept = 0;
      let waiting: string[] = [];
      for (const { cpus, limit } of rounds) {
        let at = kept;
        cpus.forEach((records, cpu) => {
          for (const { time, text } of records) {
            memory.write(`${text};`, at, 'latin1');
            queue.add(cpu, time, at, at + text.length + 1);
            waiting.push(`${String(time).padStart(3)} ${cpu} ${text}`);
            at += text.length + 1;
          }
        });
        const told: string[] = [];
        const count = queue.arrange(limit);
        queue.visit(count, (cpu, time, start) => {
          const text = /^[a-z]+(?=;)/.exec(memory.toString('latin1', start, start + 9))![0];
          told.push(`${String(time).padStart(3)} ${cpu} ${text}`);
        });
        const time = (record: string): number => Number(record.slice(0, 3));
        assert.ok(told.every((record, index) => index === 0 || time(told[index - 1]!) <= time(record)));
        const expected = waiting.filter((record) => time(record) <= limit);
        assert.deepEqual([...told].sort(), expected.sort());
        waiting = waiting.filter((record) => time(record) > limit);
        kept = queue.remove(count, memory);
      }
    }),
    { numRuns: 1000 },
  );
});

test('there is room for as many as come', () => {
  const queue = new RecordQueue();
  for (let i = 0; i < 100_000; i++) queue.add(i % 3, i, 8 * i, 8 * i + 8);
  const seen: number[] = [];
  queue.visit(queue.arrange(99_998), (cpu, time, start) => {
    if (cpu === time % 3 && start === 8 * time) seen.push(time);
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 99_999 }, (_, index) => index),
  );
  assert.equal(queue.remove(99_999, new Uint8Array(800_000)), 8);
});
