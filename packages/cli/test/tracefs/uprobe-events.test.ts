/** What the kernel is told of names that others chose: nothing but words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventDefinition, eventName, isOneWord } from '../../src/tracefs/uprobe-events.ts';
import { parseWhere, splitWhere } from '../../src/where.ts';
import { foreignName, SPITEFUL } from '../names.ts';

test('the name of an event is a word of at most 63 characters, whatever the probe is called', () => {
  const check = (sdtProvider: string, sdtName: string, n: number): void => {
    const event = eventName({ sdtProvider, sdtName }, n);
    assert.match(event, /^[A-Za-z_]\w{0,62}$/);
    assert.ok(event.endsWith(`_${n}`), 'the number makes it unique');
    const line = eventDefinition('usdt_1', event, '/bin/x', { offset: 16n, semaphoreOffset: 32n }, [
      'arg0=%di:s32',
    ]);
    assert.match(line, /^p:usdt_1\/\w+ \/bin\/x:0x10\(0x20\) arg0=%di:s32$/);
  };
  for (const text of SPITEFUL) check(text, `1${text}`, 7);
  fc.assert(fc.property(foreignName, foreignName, fc.nat(), check), { numRuns: 500 });
});

test('a path that the kernel would divide or cut is known', () => {
  for (const path of ['/bin/x', '/a"b', "/a'b", '/a$b', '/a;b', '/a:b', '/a\\b', '/é', '/漢'])
    assert.equal(isOneWord(path), true, path);
  // U+00E0 and U+0420 have the byte a0, which is white space to the kernel.
  for (const path of ['/a b', '/a\tb', '/a\nb', '/a\vb', '/a#b', '/à', '/Р', '/a\u00a0b'])
    assert.equal(isOneWord(path), false, JSON.stringify(path));
});

test('no text of a condition comes to the kernel', () => {
  const field = { size: 4, signed: true } as const;
  fc.assert(
    fc.property(
      foreignName,
      fc.constantFrom('arg0', 'comm'),
      fc.constantFrom('==', '!=', '~'),
      (text, name, op) => {
        const value = `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
        let where: ReturnType<typeof parseWhere>;
        try {
          where = parseWhere(`arg0 == 7 && ${name} ${op} ${value}`);
        } catch {
          // Only `~` is particular.
          return assert.equal(op, '~');
        }
        const { kernel, rest } = splitWhere(where, [field]);
        assert.equal(kernel, 'arg0 == 7');
        assert.notEqual(rest, undefined);
      },
    ),
    { numRuns: 500 },
  );
});
