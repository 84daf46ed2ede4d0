import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SpanMatcher } from '../../src/spans/matcher.ts';

test('an end belongs to the start of its key', () => {
  const matcher = new SpanMatcher<number>({ nested: false });
  matcher.start('a', 1);
  matcher.start('b', 2);
  assert.equal(matcher.done('a'), 1);
  assert.equal(matcher.done('a'), undefined);
  assert.deepEqual([matcher.pending, matcher.matched, matcher.unmatched], [1, 1, 1]);
});

test('a key that begins again replaces or nests', () => {
  const flat = new SpanMatcher<number>({ nested: false });
  flat.start('a', 1);
  assert.deepEqual(flat.start('a', 2), [1]);
  assert.deepEqual([flat.done('a'), flat.done('a'), flat.replaced], [2, undefined, 1]);
  const nested = new SpanMatcher<number>({ nested: true });
  nested.start('a', 1);
  assert.deepEqual(nested.start('a', 2), []);
  assert.deepEqual([nested.done('a'), nested.done('a'), nested.replaced], [2, 1, 0]);
});

test('the oldest are given up, and that is counted', () => {
  const matcher = new SpanMatcher<number>({ nested: false, limit: 3 });
  for (const n of [1, 2, 3]) matcher.start(`k${n}`, n);
  matcher.start('k1', 10);
  assert.deepEqual(matcher.start('k4', 4), [2]);
  assert.deepEqual(matcher.start('k5', 5), [3]);
  assert.deepEqual([...matcher.waiting()], [10, 4, 5]);
  assert.deepEqual([matcher.pending, matcher.evicted, matcher.replaced], [3, 2, 1]);
});

/** The same in the plainest way: a list in order of time. */
class Model {
  list: { key: string; value: number }[] = [];
  given: number[] = [];
  readonly nested: boolean;
  readonly limit: number;
  constructor(nested: boolean, limit: number) {
    this.nested = nested;
    this.limit = limit;
  }
  start(key: string, value: number): void {
    if (!this.nested) this.give(this.list.filter((item) => item.key === key));
    if (this.list.length === this.limit) {
      const oldest = this.list[0]!.key;
      this.give(this.list.filter((item) => item.key === oldest));
    }
    this.list.push({ key, value });
  }
  done(key: string): number | undefined {
    const at = this.list.map((item) => item.key).lastIndexOf(key);
    return at === -1 ? undefined : this.list.splice(at, 1)[0]!.value;
  }
  private give(items: { key: string; value: number }[]): void {
    for (const item of items) {
      this.given.push(item.value);
      this.list.splice(this.list.indexOf(item), 1);
    }
  }
}

test('whatever begins and ends, it is as a list in order of time has it', () => {
  const step = fc.record({ start: fc.boolean(), key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 5 }),
      (steps, nested, limit) => {
        const matcher = new SpanMatcher<number>({ nested, limit });
        const model = new Model(nested, limit);
        const given: number[] = [];
        steps.forEach(({ start, key }, n) => {
          if (start) {
            given.push(...matcher.start(key, n));
            model.start(key, n);
          } else assert.equal(matcher.done(key), model.done(key));
          assert.equal(matcher.pending, model.list.length);
          assert.ok(matcher.pending <= limit);
        });
        assert.deepEqual(given, model.given);
        assert.deepEqual([...matcher.waiting()].sort(), model.list.map(({ value }) => value).sort());
        assert.equal(matcher.evicted + matcher.replaced, given.length);
      },
    ),
  );
});

test('a program that ends nothing costs no more and more time', () => {
  const matcher = new SpanMatcher<number>({ nested: false, limit: 1000 });
  for (let n = 0; n < 300_000; n++) matcher.start(String(n), n);
  assert.deepEqual([matcher.pending, matcher.evicted], [1000, 299_000]);
});
