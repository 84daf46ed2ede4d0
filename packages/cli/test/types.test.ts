import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argumentType } from '../src/catalogue/argument-type.ts';
import { UsageError } from '../src/errors.ts';
import { parseTypeOverride } from '../src/types.ts';

for (const [name, kind, signed, scale] of [
  ['int32_t', 'integer', true, 1],
  ['uint8_t', 'integer', false, 1],
  ['unsigned long', 'integer', false, 1],
  ['size_t', 'integer', false, 1],
  ['char', 'integer', undefined, 1],
  ['s16', 'integer', true, 1],
  ['char *', 'string', undefined, 1],
  ['const char*', 'string', undefined, 1],
  ['string', 'string', undefined, 1],
  ['json', 'json', undefined, 1],
  ['void *', 'pointer', false, 1],
  ['struct foo *', 'pointer', false, 1],
  ['int64_t *', 'pointer', false, 1],
  ['int64_t*1000', 'integer', true, 1000],
  ['uint32_t * 10', 'integer', false, 10],
  ['double', 'double', undefined, 1],
  ['bool', 'bool', false, 1],
] as const) {
  test(name, () => assert.deepEqual(argumentType(name), { name, kind, signed, scale }));
}

for (const name of ['', 'foo', 'int65_t', 'double*10', 'int32_t*0']) {
  test(`${JSON.stringify(name)} is not a type`, () => assert.equal(argumentType(name), undefined));
}

test('an override leaves out what it does not name', () => {
  const { pattern, types } = parseTypeOverride('web:*=_,string,,int');
  assert.equal(pattern?.provider, 'web');
  assert.deepEqual(
    types.map((type) => type?.kind),
    [undefined, 'string', undefined, 'integer'],
  );
  assert.equal(parseTypeOverride('int').pattern, undefined);
  assert.throws(() => parseTypeOverride('nonsense'), UsageError);
});
