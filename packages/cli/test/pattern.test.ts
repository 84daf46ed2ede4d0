import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../src/errors.ts';
import { parsePattern } from '../src/pattern.ts';

const site = (provider: string, name: string) => ({
  provider,
  name,
  sdtProvider: provider.replaceAll('-', '__'),
  sdtName: name.replaceAll('-', '__'),
});

for (const [pattern, provider, name, expected] of [
  ['webapp:request-start', 'webapp', 'request-start', true],
  ['webapp:request__start', 'webapp', 'request-start', true],
  ['webapp:request-start', 'webapp', 'request__start', true],
  ['webapp:request-*', 'webapp', 'request__start', true],
  ['webapp:request_*', 'webapp', 'request__start', true],
  ['webapp:request', 'webapp', 'request-start', false],
  ['web*:*', 'webapp', 'x', true],
  ['*:x', 'webapp', 'x', true],
  ['x', 'webapp', 'x', true],
  ['x', 'x', 'webapp', false],
  ['webapp:?', 'webapp', 'x', true],
  ['webapp:[a-c]', 'webapp', 'b', true],
  ['webapp:[!a-c]', 'webapp', 'b', false],
  ['usdt:webapp:x', 'webapp', 'x', true],
  ['my-app:x', 'my__app', 'x', true],
  ['web.pp:x', 'webapp', 'x', false],
] as const) {
  test(`${pattern} ${expected ? 'matches' : 'does not match'} ${provider}:${name}`, () => {
    assert.equal(parsePattern(pattern).matches(site(provider, name)), expected);
  });
}

test('a file may come first, as a path or a name', () => {
  const libc = { path: '/usr/lib/libc.so.6' };
  assert.equal(parsePattern('/usr/lib/libc.so.6:libc:*').matchesFile(libc), true);
  assert.equal(parsePattern('usdt:/usr/lib/libc.so.6:libc:*').matchesFile(libc), true);
  assert.equal(parsePattern('libc.so.*:libc:*').matchesFile(libc), true);
  assert.equal(parsePattern('/bin/ls:libc:*').matchesFile(libc), false);
  assert.equal(parsePattern('libc:*').matchesFile(libc), true);
});

test('an empty provider or probe is refused', () => {
  for (const text of ['', ':', 'a:', ':a', '/f::a'])
    assert.throws(() => parsePattern(text), UsageError, text);
});
