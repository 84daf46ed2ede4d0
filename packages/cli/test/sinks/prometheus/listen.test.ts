import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../../src/sinks/prometheus/listen.ts';

test('addresses', () => {
  assert.deepEqual(parseAddress('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(parseAddress('localhost:0'), { host: 'localhost', port: 0 });
  assert.deepEqual(parseAddress(':9464'), { host: undefined, port: 9464 });
  assert.deepEqual(parseAddress('[::1]:65535'), { host: '::1', port: 65535 });
  for (const text of [
    '',
    '9464',
    'host',
    'host:',
    'host:x',
    'host:65536',
    '::1:80',
    '[::1]',
    '[x]:80',
    'a:-1',
  ])
    assert.throws(() => parseAddress(text), { name: 'InvalidArgumentError' }, text);
  assert.equal(formatAddress('::', 'IPv6', 80), '[::]:80');
  assert.equal(formatAddress('127.0.0.1', 'IPv4', 80), '127.0.0.1:80');
});
