/** How text that others chose is shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { probeTitle } from '../src/catalogue/probe.ts';
import { cut, escapeUnseen, message, NAME_MAX, quoted, shown, toJson, validText } from '../src/text.ts';
import { foreignName, UNSEEN } from './names.ts';

/** What an escape stands for: shows that none stands for two things. */
function original(text: string): string {
  const short: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '\\': '\\' };
  return text.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))/g, (_, unit, byte, letter) => {
    if (unit !== undefined) return String.fromCharCode(Number.parseInt(unit, 16));
    if (byte !== undefined) return String.fromCharCode(0xdc00 + Number.parseInt(byte, 16));
    assert.ok(letter in short, `\\${letter}`);
    return short[letter]!;
  });
}

test('names are shown in one line, by what is seen', () => {
  assert.equal(shown('request-start'), 'request-start');
  assert.equal(shown('päge 漢字'), 'päge 漢字');
  assert.equal(shown('a\nb\x1b[31m\x7f\x9b'), 'a\\nb\\u001b[31m\\u007f\\u009b');
  assert.equal(shown('a\\nb'), 'a\\\\nb');
  assert.equal(shown('\u202eevil\u2066\u2028\u200b\ufeff'), '\\u202eevil\\u2066\\u2028\\u200b\\ufeff');
  assert.equal(shown('a\udcffb'), 'a\\xffb');
  assert.equal(shown('\u{e0041}'), '\\udb40\\udc41');
  assert.equal(shown(' a  b\u00a0 '), '\\u0020a \\u0020b\\u00a0\\u0020', 'spaces that could be columns');
});

test('what is cut says how long it is, and different ones stay different', () => {
  const long = 'a'.repeat(5000);
  assert.match(shown(long), /^a+\\\.\.\.\(5000#[0-9a-f]{8}\)$/);
  assert.equal(shown(long).length, NAME_MAX);
  assert.notEqual(shown(`${long}b`), shown(`${long}c`));
  assert.match(shown('👩'.repeat(300)), /^(?:👩)+\\\.\.\.\(300#/u, 'in characters');
  assert.equal(shown('\x1b'.repeat(100), 60).replace(/\\\.\.\..*/, '').length % 6, 0, 'no escape is divided');
  assert.match(
    cut('"long text in quotes that was escaped\\n before"', 40),
    /^"long.*\\\.\.\.\(47#[0-9a-f]{8}\)$/,
  );
  // A name that looks like one that was cut has its backslash doubled.
  assert.notEqual(shown(shown(long)), shown(long));
});

test('nothing that is shown can act on a terminal, and no two names are shown alike', () => {
  fc.assert(
    fc.property(foreignName, (name) => {
      const whole = shown(name, Number.POSITIVE_INFINITY);
      assert.doesNotMatch(whole, UNSEEN);
      assert.doesNotMatch(whole, /^ | $| {2}/);
      assert.equal(original(whole), name);
      for (const most of [48, NAME_MAX]) {
        const text = shown(name, most);
        assert.ok(text.length <= most, text);
        assert.doesNotMatch(text, UNSEEN);
        assert.ok(text === whole || whole.startsWith(text.slice(0, text.lastIndexOf('\\...('))), text);
      }
    }),
    { numRuns: 2000 },
  );
});

test('JSON is exact, in one line, and can be looked at in a terminal', () => {
  fc.assert(
    fc.property(foreignName, foreignName, (name, key) => {
      const text = toJson({ [key]: [name] });
      assert.doesNotMatch(text, UNSEEN);
      assert.deepEqual(JSON.parse(text), { [key]: [name] });
      assert.equal(JSON.parse(quoted(name)), name);
      assert.doesNotMatch(quoted(name), UNSEEN);
      assert.doesNotMatch(escapeUnseen(name), UNSEEN);
    }),
    { numRuns: 1000 },
  );
});

test('titles of different probes are different, whatever colons they have', () => {
  assert.notEqual(probeTitle({ provider: 'a:b', name: 'c' }), probeTitle({ provider: 'a', name: 'b:c' }));
  assert.equal(probeTitle({ provider: 'a', name: 'ns::c' }), 'a:ns::c');
  const part = fc.stringMatching(/^[a:\\]{1,4}$/);
  fc.assert(
    fc.property(part, part, part, part, (p, n, q, m) => {
      const same = p === q && n === m;
      const title = probeTitle({ provider: p, name: n });
      assert.equal(title === probeTitle({ provider: q, name: m }), same);
    }),
    { numRuns: 1000 },
  );
});

test('texts for readers of UTF-8 are valid, different, and exact without backslashes', () => {
  fc.assert(
    fc.property(foreignName, (name) => {
      const text = validText(name);
      assert.doesNotMatch(text, /\p{Cs}/u);
      assert.equal(original(text), name);
      if (!/[\\\p{Cs}]/u.test(name)) assert.equal(text, name);
    }),
    { numRuns: 1000 },
  );
});

test('a message may have lines, but what follows the first never begins one', () => {
  assert.equal(message('x: a\nusdt: b\x1b[2J\r'), 'x: a\n  usdt: b\\u001b[2J\\r');
});
