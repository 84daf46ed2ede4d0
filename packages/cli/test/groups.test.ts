import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP_LIMIT, Groups } from '../src/groups.ts';
import { fakeEvent, fakeProbe } from './fakes.ts';

const probe = fakeProbe('a:x', 'string');
const make = (event: unknown) => ({ others: event === undefined, count: 0 });

function counted(groups: Groups<ReturnType<typeof make>>, keys: number) {
  for (let n = 0; n < keys; n++) groups.of(String(n), fakeEvent(probe, n, [String(n)])).count++;
  return groups.all();
}

test('each key has its entry until there are too many; the rest share the last', () => {
  const all = counted(new Groups(make), GROUP_LIMIT + 20);
  assert.equal(all.length, GROUP_LIMIT + 1);
  assert.deepEqual(all.at(-1), { others: true, count: 20 });
  assert.ok(all.slice(0, -1).every(({ others, count }) => !others && count === 1));
});

test('keys that are known keep their entry when it is full', () => {
  const groups = new Groups(make);
  counted(groups, GROUP_LIMIT + 1);
  assert.equal(groups.of('0', fakeEvent(probe, 0)), groups.all()[0]);
});

test('what is in no group is the first entry, and one of them', () => {
  const none = make(fakeEvent(probe, 0));
  const all = counted(new Groups(make, none), GROUP_LIMIT);
  assert.equal(all[0], none);
  assert.deepEqual([all.length, all.at(-1)], [GROUP_LIMIT + 1, { others: true, count: 1 }]);
});

test('no key is taken for those that stand for none or all others', () => {
  const groups = new Groups(make, make(undefined));
  for (const key of ['', '(others)', '\0']) groups.of(key, fakeEvent(probe, 0)).count++;
  assert.deepEqual(
    groups.all().map(({ count }) => count),
    [0, 1, 1, 1],
  );
});
