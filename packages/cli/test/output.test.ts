import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock, formatValue, toJson } from '../src/output.ts';

test('values are shown as C would write them, and text can not act on a terminal', () => {
  const shown = (value: never, kind: 'integer' | 'pointer' | 'string') =>
    formatValue(value, { kind, problem: undefined });
  assert.equal(shown(5 as never, 'integer'), '5');
  assert.equal(shown((2n ** 63n) as never, 'integer'), '9223372036854775808');
  assert.equal(shown(255 as never, 'pointer'), '0xff');
  assert.equal(shown('a"\n\x1b[31m\x9b\u202e' as never, 'string'), '"a\\"\\n\\u001b[31m\\u009b\\u202e"');
  assert.equal(formatValue('{"a":"\x1b"', { kind: 'json', problem: undefined }), '{"a":"\\u001b"');
  assert.equal(shown(undefined as never, 'string'), '<unreadable>');
  assert.equal(
    formatValue(undefined, { kind: 'double', problem: 'a register' }),
    '<not expressible: a register>',
  );
});

test('large integers are strings in JSON', () => {
  assert.equal(toJson({ a: [2n ** 63n, 1, null] }), '{"a":["9223372036854775808",1,null]}');
});

test('times keep their nanoseconds across seconds', () => {
  const clock = new Clock(Date.UTC(2026, 0, 31, 12, 37, 0, 999));
  assert.equal(clock.iso(123_456), '2026-01-31T12:37:00.999123456Z');
  assert.equal(clock.iso(1_000_001), '2026-01-31T12:37:01.000000001Z');
  assert.equal(clock.iso(-999_000_001), '2026-01-31T12:36:59.999999999Z');
});
