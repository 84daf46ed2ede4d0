import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LOST_UNKNOWN, parsePageLayout, readPage } from '../../../../src/sources/kernel/ringbuffer/page.ts';

const HEADER_PAGE = `\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;
`;
const layout = parsePageLayout(HEADER_PAGE);
const EPOCH = 1_000_000_000_000_000n;

type Item =
  | { readonly kind: 'data'; readonly delta: number; readonly data: readonly number[] }
  | { readonly kind: 'discarded'; readonly delta: number; readonly words: number }
  | { readonly kind: 'extend'; readonly delta: number }
  | { readonly kind: 'stamp'; readonly time: number };

/** Writes a page as the kernel does; data are multiples of four bytes. */
function encode(
  start: number,
  items: readonly Item[],
  lost: 'none' | 'unknown' | number,
  longForm: boolean,
): DataView {
  const view = new DataView(new ArrayBuffer(layout.size));
  view.setBigUint64(0, EPOCH + BigInt(start), true);
  let at = layout.data;
  const word = (value: number): void => {
    view.setUint32(at, value >>> 0, true);
    at += 4;
  };
  const header = (type: number, delta: number): void => word(delta * 32 + type);
  for (const item of items) {
    if (item.kind === 'data') {
      const words = item.data.length;
      if (words === 0 || words > 28 || longForm) {
        header(0, item.delta);
        word(words * 4 + 4);
      } else header(words, item.delta);
      for (const value of item.data) word(value);
    } else if (item.kind === 'discarded') {
      header(29, item.delta);
      word(item.words * 4 + 4);
      at += item.words * 4;
    } else if (item.kind === 'extend') {
      header(30, item.delta % 2 ** 27);
      word(Math.floor(item.delta / 2 ** 27));
    } else {
      const time = EPOCH + BigInt(item.time);
      header(31, Number(time & 0x7ff_ffffn));
      word(Number((time >> 27n) & 0xffff_ffffn));
    }
  }
  let commit = at - layout.data;
  if (lost === 'unknown') commit += 0x8000_0000;
  else if (lost !== 'none') {
    view.setBigUint64(at, BigInt(lost), true);
    commit += 0xc000_0000;
  }
  view.setUint32(8, commit, true);
  return view;
}

const small = fc.integer({ min: 0, max: 2 ** 27 - 1 });
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({
    kind: fc.constant('data' as const),
    delta: small,
    data: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('discarded' as const),
    delta: fc.integer({ min: 1, max: 2 ** 27 - 1 }),
    words: fc.integer({ min: 0, max: 8 }),
  }),
  fc.record({ kind: fc.constant('extend' as const), delta: fc.integer({ min: 2 ** 27, max: 2 ** 45 }) }),
  fc.record({ kind: fc.constant('stamp' as const), time: fc.integer({ min: 0, max: 2 ** 40 }) }),
);

test('what was written is read, with its times and the number of lost records', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 40 }),
      fc.array(item, { maxLength: 20 }),
      fc.oneof(
        fc.constant('none' as const),
        fc.constant('unknown' as const),
        fc.integer({ min: 1, max: 1e9 }),
      ),
      fc.boolean(),
      (start, items, lost, longForm) => {
        const expected: [number, readonly number[]][] = [];
        let time = start;
        for (const each of items) {
          time = each.kind === 'stamp' ? each.time : time + each.delta;
          if (each.kind === 'data') expected.push([time, each.data]);
        }
        const view = encode(start, items, lost, longForm);
        const actual: typeof expected = [];
        const told = readPage(view, 0, layout, EPOCH, (when, from, to) => {
          const data: number[] = [];
          for (let at = from; at < to; at += 4) data.push(view.getUint32(at, true));
          actual.push([when, data]);
        });
        assert.deepEqual(actual, expected);
        assert.equal(told, lost === 'none' ? 0 : lost === 'unknown' ? LOST_UNKNOWN : lost);
      },
    ),
  );
});

test('padding without a time ends the page', () => {
  const view = encode(0, [{ kind: 'data', delta: 1, data: [1] }], 'none', false);
  view.setUint32(layout.data + 8, 29, true);
  view.setUint32(8, 100, true);
  let records = 0;
  readPage(view, 0, layout, EPOCH, () => records++);
  assert.equal(records, 1);
});

test('any bytes are read to the end or refused', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      fc.integer({ min: 0, max: 5000 }),
      (bytes, length) => {
        const view = new DataView(new ArrayBuffer(layout.size));
        new Uint8Array(view.buffer).set(bytes, layout.data);
        view.setUint32(8, length, true);
        try {
          readPage(view, 0, layout, 0n, (_, from, to) =>
            assert.ok(from >= layout.data && to <= layout.data + length && from <= to),
          );
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
