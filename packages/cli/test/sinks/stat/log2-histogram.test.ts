import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawLog2, log2Bucket } from '../../../src/sinks/stat/log2-histogram.ts';

const plain = { width: 20, format: String, unicode: false };

test('buckets double', () => {
  assert.deepEqual([-5, 0, 1, 2, 3, 4, 7, 8].map(log2Bucket), [0, 0, 0, 1, 1, 2, 2, 3]);
  for (let n = 1; n < 53; n++) {
    assert.equal(log2Bucket(2 ** n), n);
    assert.equal(log2Bucket(2 ** n - 1), n - 1);
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (value) => {
      const bucket = log2Bucket(value);
      assert.ok((bucket === 0 ? 0 : 2 ** bucket) <= value && value < 2 ** (bucket + 1));
    }),
  );
});

test('how it looks', () => {
  assert.deepEqual(drawLog2([0, 0, 1, 0, 200, 100], plain), [
    ' 4 .. 8     1  #',
    ' 8 .. 16    0',
    '16 .. 32  200  ####################',
    '32 .. 64  100  ##########',
  ]);
  assert.deepEqual(drawLog2([3, 1], { ...plain, unicode: true, width: 2 }), [
    '0 .. 2  3  ██',
    '2 .. 4  1  ▊',
  ]);
  assert.deepEqual(drawLog2([], plain), []);
  assert.deepEqual(drawLog2([0, 0], plain), []);
});

test('too little room: the largest counts, and how many are below and above', () => {
  const counts = [1, 1, 0, 7, 9, 8, 0, 0, 0, 2];
  assert.deepEqual(drawLog2(counts, { ...plain, lines: 5, width: 9 }), [
    '2 below 8',
    ' 8 .. 16  7  #######',
    '16 .. 32  9  #########',
    '32 .. 64  8  ########',
    '2 from 64',
  ]);
});

const anyCounts = fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 50 });
const BARS = [...'▏▎▍▌▋▊▉█'];
/** Eighths of a column, or whole ones in ASCII. */
const barLength = (line: string) => [...line].reduce((sum, c) => sum + BARS.indexOf(c) + 1, 0);

test('each bucket has its line, its count, and a bar as long as it', () => {
  fc.assert(
    fc.property(anyCounts, fc.integer({ min: 1, max: 100 }), (counts, width) => {
      const lines = drawLog2(counts, { width, format: String, unicode: true });
      const used = counts.flatMap((count, bucket) => (count > 0 ? [bucket] : []));
      assert.equal(lines.length, used.length === 0 ? 0 : used.at(-1)! - used[0]! + 1);
      const most = Math.max(...counts);
      lines.forEach((line, n) => {
        const [, from, to, count] = /^ *(\d+) \.\. (\d+) +(\d+)/.exec(line)!;
        const bucket = used[0]! + n;
        assert.deepEqual([Number(from), Number(to)], [bucket === 0 ? 0 : 2 ** bucket, 2 ** (bucket + 1)]);
        assert.equal(Number(count), counts[bucket]);
        const bar = barLength(line);
        assert.equal(bar === 0, counts[bucket] === 0);
        assert.ok(Math.abs(bar - (counts[bucket]! / most) * width * 8) <= 1);
        assert.ok(bar <= width * 8);
      });
    }),
  );
});

test('with few lines every value is still counted once', () => {
  fc.assert(
    fc.property(anyCounts, fc.integer({ min: 3, max: 12 }), (counts, lines) => {
      const drawn = drawLog2(counts, { ...plain, lines });
      assert.ok(drawn.length <= lines);
      const shown = drawn.map((line) =>
        Number(/^(\d+) (?:below|from)|\.\. \d+ +(\d+)/.exec(line)?.slice(1).find(Boolean)),
      );
      assert.equal(
        shown.reduce((sum, n) => sum + n, 0),
        counts.reduce((sum, n) => sum + n, 0),
      );
    }),
  );
});
