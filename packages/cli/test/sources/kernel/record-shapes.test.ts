/** Which sites may share an event, and that each finds its own arguments in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FetchArgument } from '../../../src/sources/kernel/fetch-args.ts';
import { type Fetched, fill, groupByShape } from '../../../src/sources/kernel/record-shapes.ts';

const registers = fc.constantFrom('di', 'si', 'dx');
const types = fc.constantFrom('u8', 's8', 'u16', 's32', 'u32', 's64', 'u64');
const expressible = (text: string, whole?: string): FetchArgument => ({
  expressible: true,
  text,
  ...(whole !== undefined && { whole }),
  size: 4,
  signed: false,
  string: text.endsWith('string'),
  plain: true,
});
const argument = fc.oneof(
  fc.tuple(registers, types).map(([name, type]) => expressible(`%${name}:${type}`, `%${name}:u64`)),
  fc.tuple(fc.nat(99), types).map(([offset, type]) => expressible(`+${offset}(%sp):${type}`)),
  registers.map((name) => expressible(`+0(%${name}):string`)),
  fc.constant(expressible('%ax:b8@8/16')),
  fc.constant<FetchArgument>({ expressible: false, reason: 'a floating-point register' }),
);
const plan: fc.Arbitrary<Fetched> = fc.record({
  fetches: fc.array(argument, { maxLength: 8 }),
  filter: fc.constantFrom(undefined, undefined, undefined, 'arg0 == 1'),
});

test('all places of an event have arguments of the same names and types, and all sites have a place', () => {
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 60 }), (plans) => {
      const groups = groupByShape(plans);
      assert.deepEqual(new Set(groups.flatMap((group) => group.plans)), new Set(plans));
      for (const group of groups) {
        const filters = new Set(group.plans.map(({ filter }) => filter));
        assert.equal(filters.size, 1);
        const declared = group.plans.map((each) =>
          fill(group.shape, each).texts.map((text) => text.replace(/=.*:/, ':')),
        );
        for (const one of declared) assert.deepEqual(one, declared[0]);
        assert.equal(new Set(declared[0]).size, declared[0]!.length);
      }
    }),
  );
});

test('each argument that the kernel can fetch is in a slot of its own', () => {
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 60 }), (plans) => {
      for (const { shape, plans: alike } of groupByShape(plans)) {
        for (const each of alike) {
          const { texts, names } = fill(shape, each);
          const slots = new Map(texts.map((text) => [text.split('=')[0], text.split('=')[1]]));
          const used = names.filter((name) => name !== undefined);
          assert.equal(new Set(used).size, used.length);
          for (const [n, fetch] of each.fetches.entries()) {
            if (!fetch.expressible) assert.equal(names[n], undefined);
            else assert.ok([fetch.text, fetch.whole].includes(slots.get(names[n]!)));
            if (each.filter !== undefined && fetch.expressible)
              assert.equal(names[n], `arg${n}`, 'a filter finds its argument');
          }
        }
      }
    }),
  );
});

/** With as many integers and texts. */
function shaped(integers: number, texts: number): Fetched {
  const fetches = [
    ...Array.from({ length: integers }, () => expressible('%di:s32', '%di:u64')),
    ...Array.from({ length: texts }, () => expressible('+0(%si):string')),
  ];
  return { fetches, filter: undefined };
}

test('few shapes stay as they are; many are put together with those that are most like them', () => {
  const few = Array.from({ length: 10 }, (_, n) => shaped(n, 0));
  assert.deepEqual(
    groupByShape(few).map(({ shape }) => shape.slots.map(({ type }) => type)),
    few.map(({ fetches }) => fetches.map(() => 's32')),
  );
  const many = Array.from({ length: 40 }, (_, n) => shaped(n % 8, Math.floor(n / 8)));
  const groups = groupByShape(many);
  assert.equal(groups.length, 10);
  for (const { plans } of groups) {
    const texts = plans.map(
      ({ fetches }) => fetches.filter((fetch) => fetch.expressible && fetch.string).length,
    );
    assert.equal(new Set(texts).size, 1, 'none has an empty slot for text');
  }
});

test('a slot that a site does not fill holds a number, or the name of the thread', () => {
  // Eleven shapes; those of integers alone have more sites, so that more would be wasted on them.
  const integers = Array.from({ length: 45 }, (_, n) => shaped(2 + (n % 9), 0));
  const plans = [...integers, shaped(2, 2), shaped(1, 1)];
  const group = groupByShape(plans).find(({ plans: alike }) => alike.includes(plans[46]!))!;
  assert.deepEqual(fill(group.shape, plans[46]!).texts, [
    'arg0=+0(%si):string',
    'arg1=$comm:string',
    'arg2=%di:u64',
    'arg3=\\0:u64',
  ]);
});

test('what would have too many arguments is not put together', () => {
  const sizes = ['u8', 's8', 'u16', 's16', 'u32', 's32', 'u64', 's64', 'b8@8/16', 'string', 'x8', 'x16'];
  const plans = sizes.map(
    (type): Fetched => ({
      fetches: Array.from({ length: 20 }, () => expressible(`+0(%sp):${type}`)),
      filter: undefined,
    }),
  );
  assert.equal(groupByShape(plans).length, plans.length);
});

test('thousands of shapes become ten groups', () => {
  const shape = (n: number) => [n & 7, (n >> 3) & 7, (n >> 6) & 7, n >> 9];
  const kinds = ['+0(%sp):u8', '+0(%sp):u16', '+0(%sp):u32', '+0(%si):string'];
  const plans = Array.from({ length: 4096 }, (_, n): Fetched => {
    const counts = shape(n);
    const fetches = kinds.flatMap((text, kind) =>
      Array.from({ length: counts[kind]! }, () => expressible(text)),
    );
    return { fetches, filter: undefined };
  });
  const groups = groupByShape(plans);
  assert.equal(groups.length, 10);
  assert.equal(new Set(groups.flatMap((group) => group.plans)).size, plans.length);
});
