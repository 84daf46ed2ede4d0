/**
 * What stands in the argument words after a delivery, the short way and the long one. The probe is made to believe
 * that it is traced; what tracers make of the words is tested with tracers.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FRAME } from '../../src/abi/call-block.ts';
import { INTEGERS } from '../../src/ctypes/ctypes.ts';
import { type CTypeName, createProvider } from '../../src/index.ts';
import type { ProbeHandle } from '../../src/provider/probe.ts';

const linux = process.platform === 'linux' ? false : 'images are mapped on Linux only';
const previous = process.env.LIBUSDT_DIR;
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'libusdt-test-'));
  process.env.LIBUSDT_DIR = folder;
});
after(() => {
  rmSync(folder, { recursive: true });
  if (previous === undefined) delete process.env.LIBUSDT_DIR;
  else process.env.LIBUSDT_DIR = previous;
});

const provider = createProvider('words');
let made = 0;

/** A probe that fires although nobody traces it. */
function forced(types: readonly CTypeName[]): ProbeHandle {
  const probe = provider.addProbe(`probe-${made++}`, types) as unknown as ProbeHandle;
  provider.enable({ strict: true });
  probe.idle = ~probe.idle;
  return probe;
}

function frameOf(probe: ProbeHandle) {
  assert.ok(probe.delivery.loaded);
  return probe.delivery.loaded.engine.frame;
}

/** Argument words as they stand in the frame. */
function words(probe: ProbeHandle, count: number): bigint[] {
  return [...new BigUint64Array(frameOf(probe).bytes.buffer, FRAME.args, count)];
}

/** The string that an argument word points to. */
function textAt(probe: ProbeHandle, word: bigint): string {
  const { bytes, address } = frameOf(probe);
  const start = Number(word - address);
  return new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
}

const NUMBERS = [
  0,
  1,
  -1,
  0.9,
  -0.9,
  127,
  128,
  -128,
  -129,
  255,
  256,
  32767,
  32768,
  65535,
  65536,
  -40000,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  -(2 ** 31) - 1,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 5,
  -(2 ** 32) - 5,
  2 ** 53,
  -(2 ** 53),
  2 ** 60,
  NaN,
  Infinity,
  -Infinity,
];

/** C's conversion to an integer type, sign- or zero-extended to the whole word. */
function converted(size: number, signed: boolean, value: number): bigint {
  const integer = Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
  const wrapped = signed ? BigInt.asIntN(8 * size, integer) : BigInt.asUintN(8 * size, integer);
  return BigInt.asUintN(64, wrapped);
}

describe('deliveries', { skip: linux }, () => {
  for (const [name, [size, signed]] of Object.entries(INTEGERS)) {
    test(`${name}: numbers wrap and truncate, also beside values that take the long way`, () => {
      const short = forced([name as CTypeName]);
      const long = forced([name as CTypeName, 'json']);
      for (const value of NUMBERS) {
        const expected = converted(size, signed, value);
        short.fire(value);
        assert.deepEqual(words(short, 1), [expected], String(value));
        long.fire(value, {});
        assert.deepEqual(words(long, 1), [expected], `${value}, the long way`);
      }
    });
  }

  test('every number of arguments, plain and not', () => {
    for (let count = 0; count <= 32; count++) {
      const probe = forced(new Array<CTypeName>(count).fill('int'));
      const plain = Array.from({ length: count }, (_, index) => 7 * index + 1);
      const expected = plain.map(BigInt);
      probe.fire(...plain);
      assert.deepEqual(words(probe, count), expected, `${count} numbers`);
      assert.equal(frameOf(probe).words[FRAME.stackCount / 4], probe.delivery.stackCount);
      probe.fire(...plain.map((value) => String(value + 1)));
      assert.deepEqual(
        words(probe, count),
        expected.map((word) => word + 1n),
        `${count} texts that become numbers`,
      );
      probe.fireLazy(() => plain);
      assert.deepEqual(words(probe, count), expected, `${count} lazily`);
    }
  });

  test('strings of every kind lie one behind the other', () => {
    const probe = forced(['char *', 'int', 'char *', 'char *']);
    const texts = [
      '',
      'a',
      'short text',
      'x'.repeat(48),
      'y'.repeat(49),
      'z'.repeat(1800),
      'é',
      '漢字',
      '😀',
      'a😀',
    ];
    for (const first of texts) {
      for (const second of texts) {
        probe.fire(first, -5, second, 'end');
        const [a, n, b, c] = words(probe, 4);
        assert.equal(textAt(probe, a!), first);
        assert.equal(BigInt.asIntN(64, n!), -5n);
        assert.equal(textAt(probe, b!), second);
        assert.equal(textAt(probe, c!), 'end');
      }
    }
  });

  test('a double keeps its bits; a bool and a scaled integer are converted', () => {
    const probe = forced(['double', 'bool', 'int16_t*100', 'float']);
    probe.fire(-0.1, 12, 12.3456, 1e300);
    const bits = new BigUint64Array(new Float64Array([-0.1, 1e300]).buffer);
    assert.deepEqual(words(probe, 4), [bits[0], 1n, 1235n, bits[1]]);
  });

  test('a value that disables the provider ends the delivery', () => {
    const own = createProvider('fragile');
    const probe = own.addProbe('hit', ['int', 'char *']) as unknown as ProbeHandle;
    own.enable({ strict: true });
    probe.idle = ~probe.idle;
    let asked = 0;
    const evil = {
      toString() {
        asked++;
        own.disable();
        return 'gone';
      },
    };
    probe.fire(1, evil);
    assert.equal(asked, 1);
    assert.equal(own.status.state, 'disabled');
    assert.equal(probe.delivery.loaded, undefined);
  });
});
