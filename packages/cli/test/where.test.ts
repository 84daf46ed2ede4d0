import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UsageError } from '../src/errors.ts';
import { evaluate, parseWhere, splitWhere } from '../src/where.ts';

const event = {
  args: [5, 'GET /x', 2n ** 63n, undefined, -1, 2.5, true],
  pid: 10,
  tid: 11,
  comm: 'node',
  thread: 'node-MainThread',
};

for (const [text, expected] of [
  ['arg0 == 5', true],
  ['arg0 != 5', false],
  ['arg0 == 0x5', true],
  ['arg0 > 4 && arg0 < 6', true],
  ['arg0 >= 6 || arg0 <= 5', true],
  ['!(arg0 == 5)', false],
  ['!arg0 == 5', false],
  ['arg0 == 4 || arg0 == 5 && arg0 == 6', false],
  ['(arg0 == 5 || arg0 == 4) && arg0 == 5', true],
  ['arg1 == "GET /x"', true],
  ["arg1 ~ 'GET *'", true],
  ['arg1 ~ "POST *"', false],
  ['arg1 < "H"', true],
  ['arg2 == 9223372036854775808', true],
  ['arg2 > 9223372036854775807', true],
  ['arg3 == 0', false],
  ['arg3 != 0', false],
  ['arg9 == 0', false],
  ['arg4 == -1', true],
  ['arg5 == 2.5', true],
  ['arg6 == 1', true],
  ['arg0 == "5"', false],
  ['arg1 != 5', false],
  ['pid == 10 && tid == 11', true],
  ['comm == "node"', true],
  ['comm == "node-MainThread"', true],
  ['comm != "node"', false],
  ['comm != "node-MainThread"', false],
  ['comm != "bun"', true],
  ['!(comm == "node")', false],
  ['comm ~ "*Thread"', true],
  ['thread == "node"', false],
  ['thread == "node-MainThread"', true],
] as const) {
  test(`${text} is ${expected}`, () => assert.equal(evaluate(parseWhere(text), event), expected));
}

for (const text of [
  '',
  'arg0',
  'arg0 =',
  'arg0 == ',
  'arg0 = 5',
  '5 == arg0',
  'foo == 1',
  '(arg0 == 1',
  'arg0 == 1)',
  'arg0 == 1 arg1 == 2',
  'arg0 ~ 5',
  'arg0 == "x',
  'arg0 == 1 &&',
  'arg0 == 1 $',
]) {
  test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => parseWhere(text), UsageError));
}

const u8 = { size: 1, signed: false } as const;
const s32 = { size: 4, signed: true } as const;

for (const [text, kernel, hasRest] of [
  ['arg0 == 5', 'arg0 == 5', false],
  ['arg0 == 5 && arg1 == "x"', 'arg0 == 5', true],
  ['arg0 == 5 || arg1 == "x"', undefined, true],
  ['!(arg0 == 5) && tid == 4', '!(arg0 == 5) && common_pid == 4', false],
  ['arg0 == 1 || arg2 < -4', '(arg0 == 1 || arg2 < -4)', false],
  ['arg0 == 256', undefined, true],
  ['arg0 == -1', undefined, true],
  ['arg2 == 2147483648', undefined, true],
  ['arg0 == 1.5', undefined, true],
  ['pid == 4', undefined, true],
] as const) {
  test(`the kernel gets ${kernel} of ${text}`, () => {
    const split = splitWhere(parseWhere(text), [u8, undefined, s32]);
    assert.equal(split.kernel, kernel);
    assert.equal(split.rest !== undefined, hasRest);
  });
}

test('any text either parses or is a usage error', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(
          'arg0',
          'arg1',
          '==',
          '&&',
          '||',
          '!',
          '(',
          ')',
          '5',
          '"x"',
          '~',
          ' ',
          'pid',
          '-',
          '$',
        ),
      ),
      (words) => {
        try {
          evaluate(parseWhere(words.join(' ')), event);
        } catch (error) {
          assert.ok(error instanceof UsageError);
        }
      },
    ),
  );
});
