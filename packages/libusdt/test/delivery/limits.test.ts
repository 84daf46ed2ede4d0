/**
 * The scratch area's limits, and user code that runs in the middle of a fire.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { FRAME, MAX_ARGUMENTS, MAX_STRING_BYTES } from '../../src/abi/call-block.ts';
import { EVENT_TEXT_BYTES, evenLimit } from '../../src/abi/event-size.ts';
import type { CTypeName } from '../../src/ctypes/infer.ts';
import { createProvider } from '../../src/index.ts';
import type { ProbeHandle } from '../../src/provider/probe.ts';
import { cText, fire, Gallery, wrapped } from './support.ts';

/** 10 MB of text with four-byte characters, which no power of two of bytes divides. */
const HUGE = `x${'😀'.repeat(2_500_000)}`;
const MIB = 1 << 20;

const times = (count: number, type: CTypeName): CTypeName[] => Array<CTypeName>(count).fill(type);

describe('limits', () => {
  for (const [name, fill] of [
    ['ASCII', 'a'],
    ['four-byte characters', '😀'],
  ] as const) {
    test(`32 strings of ${name}, each too long, fill the scratch area and no more`, () => {
      const texts = Array.from(
        { length: MAX_ARGUMENTS },
        (_, slot) => `${slot}:${fill.repeat(MAX_STRING_BYTES)}`,
      );
      const shot = fire(times(MAX_ARGUMENTS, 'char *'), texts, MAX_STRING_BYTES);
      for (const [slot, text] of texts.entries()) {
        assert.deepEqual(shot.cstring(slot), cText(text, MAX_STRING_BYTES), `string ${slot}`);
      }
      const last = shot.words.at(-1)! - shot.words[0]!;
      assert.ok(last + BigInt(shot.cstring(MAX_ARGUMENTS - 1).length) < BigInt(FRAME.size - FRAME.scratch));
    });
  }

  test('32 buffers, each too long, are cut to the limit and do not overlap', () => {
    const buffers = Array.from({ length: MAX_ARGUMENTS }, (_, slot) =>
      Buffer.alloc(MAX_STRING_BYTES + 7, slot + 1),
    );
    const shot = fire(times(MAX_ARGUMENTS, 'void *'), buffers, MAX_STRING_BYTES);
    for (let slot = 0; slot < MAX_ARGUMENTS; slot++) {
      const bytes = shot.bytes(slot, MAX_STRING_BYTES);
      assert.ok(
        bytes.every((byte) => byte === slot + 1),
        `buffer ${slot}`,
      );
    }
  });

  test('a text of exactly the limit is whole; one byte more is cut', () => {
    for (const limit of [16, 48, 49, 50, 4096]) {
      const fits = 'y'.repeat(limit - 1);
      assert.equal(fire(['char *'], [fits], limit).text(0), fits, `${limit}`);
      assert.equal(fire(['char *'], [`${fits}z`], limit).text(0), fits, `${limit}`);
      assert.equal(fire(['char *'], [`${'y'.repeat(limit - 2)}é`], limit).text(0), 'y'.repeat(limit - 2));
    }
  });

  describe('all texts of one event', () => {
    const BYTES = EVENT_TEXT_BYTES;
    const lengths = (types: CTypeName[], values: unknown[], limit?: number): number[] => {
      const shot = fire(types, values, limit);
      return types.map((_, slot) => shot.cstring(slot).length);
    };

    test('one has all the room', () => {
      assert.deepEqual(lengths(['char *'], ['x'.repeat(9000)]), [BYTES - 1]);
      const types: CTypeName[] = ['char *', 'char *', 'json'];
      assert.deepEqual(lengths(types, ['GET', 'y'.repeat(9000), 1]), [3, BYTES - 4 - 2 - 1, 1]);
    });

    test('long ones share what the short ones leave, also where the short ones come last', () => {
      const long = 'z'.repeat(5000);
      const share = (BYTES - 'short'.length - 1) / 2 - 1;
      const types: CTypeName[] = ['char *', 'json', 'char *'];
      assert.deepEqual(lengths(types, [long, long, 'short']), [share, share, 5]);
      assert.deepEqual(lengths(times(32, 'char *'), Array(32).fill(long)), Array(32).fill(116));
    });

    test('nothing is cut that fits', () => {
      const half = BYTES / 2 - 1;
      const both = (length: number): string[] => ['a'.repeat(length), 'b'.repeat(length)];
      assert.deepEqual(lengths(times(2, 'char *'), both(half)), [half, half]);
      assert.deepEqual(lengths(times(2, 'char *'), both(half + 1)), [half, half]);
    });

    test('what lies between the texts does not count', () => {
      const many = Array<string>(32).fill('t'.repeat(BYTES / 32 - 2));
      assert.deepEqual(fire(times(32, 'char *'), many).text(31), many[31]);
    });

    test('texts of which each would certainly fit share the room too', () => {
      const share = Math.floor(BYTES / 4) - 1;
      assert.deepEqual(lengths(times(4, 'char *'), Array(4).fill('u'.repeat(1200))), Array(4).fill(share));
    });

    test('characters stay whole, and the values between are as they were', () => {
      const euros = '€'.repeat(2000);
      const shot = fire(['char *', 'int', 'char *', 'double'], [euros, 7, euros, 0.5]);
      for (const slot of [0, 2]) assert.equal(shot.text(slot), '€'.repeat(624));
      assert.deepEqual([shot.words[1], shot.words[3]], [7n, 0x3fe0_0000_0000_0000n]);
    });

    test('buffers count, and end with no NUL', () => {
      const shot = fire(['void *', 'char *'], [Buffer.alloc(5000, 1), 'w'.repeat(5000)]);
      assert.deepEqual(Buffer.from(shot.bytes(0, BYTES / 2)), Buffer.alloc(BYTES / 2, 1));
      assert.equal(shot.text(1), 'w'.repeat(BYTES / 2 - 1));
    });

    test('a larger limit for each lifts that for all', () => {
      const limit = BYTES + 1;
      assert.deepEqual(
        lengths(times(3, 'char *'), Array(3).fill('v'.repeat(9000)), limit),
        Array(3).fill(limit - 1),
      );
    });

    test('any sizes: the sum fits, and no other limit would leave less room unused', () => {
      const anySizes = fc.array(fc.nat(BYTES), { minLength: 2, maxLength: 32 });
      fc.assert(
        fc.property(anySizes, (list) => {
          const sum = (limit: number): number => list.reduce((all, size) => all + Math.min(size, limit), 0);
          fc.pre(sum(BYTES) > BYTES);
          const limit = evenLimit(Uint32Array.from(list), BYTES);
          assert.ok(sum(limit) <= BYTES && sum(limit + 1) > BYTES, `${limit}`);
        }),
      );
    });
  });

  test('10 MB', () => {
    const limit = 1000;
    const types: CTypeName[] = ['char *', 'json', 'void *', 'int', 'double'];
    const shot = fire(types, [HUGE, [HUGE], Buffer.alloc(10 * MIB, 7), HUGE, HUGE], limit);
    assert.deepEqual(shot.cstring(0), cText(HUGE, limit));
    assert.deepEqual(shot.cstring(1), cText(JSON.stringify([HUGE.slice(0, limit * 2)]), limit));
    assert.deepEqual(Buffer.from(shot.bytes(2, limit)), Buffer.alloc(limit, 7));
    assert.equal(shot.words[3], 0n);
    assert.equal(BigInt.asUintN(63, shot.words[4]!) >> 51n, 0xfffn, 'NaN');
  });

  test('10 MB of digits are a number, and no long multiplication', () => {
    const digits = '9'.repeat(10 * MIB);
    const shot = fire(['int64_t', 'int64_t*1000', 'uint8_t', 'double'], [digits, digits, digits, digits]);
    assert.deepEqual(shot.words.slice(0, 3), [0n, 0n, 0n], 'as Number() has it: infinite');
    assert.equal(shot.words[3], 0x7ff0_0000_0000_0000n);
  });

  test('the largest bigint there is', () => {
    // V8 has at most 2^30 bits (BigInt::kMaxLengthBits), and the next line fails if that changes.
    const huge = (1n << (2n ** 30n - 1n)) | 5n;
    assert.throws(() => huge * 3n, RangeError, 'no product of it can be had');
    const shot = fire(['int64_t', 'int64_t*999999999999999', 'uint8_t*3'], [huge, huge, huge]);
    assert.equal(shot.words[0], 5n);
    assert.equal(shot.words[1], wrapped(5n * 999_999_999_999_999n, 64, true));
    assert.equal(shot.words[2], 15n);
  });
});

describe('user code in the middle of a fire', () => {
  test('a toString that fires another probe does not spoil the arguments of the first', () => {
    const gallery = new Gallery();
    const inner = gallery.probe(['char *', 'int', 'json']);
    const outer = gallery.probe(['int', 'char *', 'char *', 'json', 'int64_t', 'void *']);
    const nested = {
      toString: () => {
        inner.fire('INNER TEXT', -1, { inner: true });
        return 'second';
      },
      toJSON: () => {
        inner.fire('INNER AGAIN', -2, [2]);
        return 'third';
      },
      valueOf: () => {
        inner.fire('INNER NUMBER', -3, 3);
        return 4;
      },
    };
    outer.fire(7, 'first', nested, nested, nested, Buffer.of(1, 2));
    const [first, second, third, last, ...more] = gallery.shots;
    assert.ok(first && second && third && last);
    assert.equal(more.length, 0);
    assert.deepEqual(
      [first.text(0), first.words[1], first.text(2)],
      ['INNER TEXT', wrapped(-1n, 32, true), '{"inner":true}'],
    );
    assert.deepEqual([second.text(0), second.text(2)], ['INNER AGAIN', '[2]']);
    assert.deepEqual([third.text(0), third.text(2)], ['INNER NUMBER', '3']);
    assert.deepEqual(
      [last.words[0], last.text(1), last.text(2), last.text(3), last.words[4], ...last.bytes(5, 2)],
      [7n, 'first', 'second', '"third"', 4n, 1, 2],
    );
  });

  test('a probe that fires itself', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['char *', 'int']);
    const depth = (left: number): object => ({
      toString: () => {
        if (left > 0) probe.fire(depth(left - 1), left - 1);
        return `level ${left}`;
      },
    });
    probe.fire(depth(3), 3);
    assert.deepEqual(
      gallery.shots.map((shot) => [shot.text(0), Number(shot.words[1])]),
      [0, 1, 2, 3].map((level) => [`level ${level}`, level]),
    );
  });

  test('a conversion that takes the probe out of its image: nothing is fired', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['char *', 'char *']);
    const leaving = {
      toString: () => {
        probe.detach();
        return '';
      },
    };
    probe.fire('before', leaving);
    assert.equal(gallery.shots.length, 0);
  });

  test('a conversion that detaches or shrinks the bytes of an argument before it', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['void *', 'void *', 'char *', 'char *']);
    const whole = new ArrayBuffer(64);
    const view = new Uint8Array(new ArrayBuffer(64), 8);
    const late = {
      toString: () => {
        structuredClone(0, { transfer: [whole, view.buffer] });
        return 'late';
      },
    };
    probe.fire(whole, view, late, 'behind');
    const [shot] = gallery.shots;
    assert.ok(shot);
    assert.equal(whole.byteLength + view.length, 0);
    assert.deepEqual([shot.text(2), shot.text(3)], ['late', 'behind']);
  });

  test('fireLazy contains what its callback throws, and counts it', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['int']);
    const raise = (): never => {
      throw new Error('no');
    };
    probe.fireLazy(raise);
    probe.fireLazy((() => undefined) as unknown as () => []);
    probe.fireLazy((() => ({ [Symbol.iterator]: raise })) as unknown as () => []);
    assert.equal(gallery.shots.length, 0);
    assert.equal(probe.delivery.context.failures, 3);
    probe.fireLazy(() => [5]);
    assert.equal(gallery.shots[0]?.words[0], 5n);
  });
});

describe('a real image', {
  skip: process.platform === 'linux' ? false : 'images are mapped on Linux only',
}, () => {
  const previous = process.env.LIBUSDT_DIR;
  const folder = mkdtempSync(join(tmpdir(), 'libusdt-types-'));
  before(() => {
    process.env.LIBUSDT_DIR = folder;
  });
  after(() => {
    rmSync(folder, { recursive: true });
    if (previous === undefined) delete process.env.LIBUSDT_DIR;
    else process.env.LIBUSDT_DIR = previous;
  });

  test('nested fires through the native call, with stack arguments, strings and 32 words', () => {
    const types = times(32, 'char *');
    const provider = createProvider('typesapp', { probes: { inner: types, outer: types } });
    try {
      provider.enable({ strict: true });
      const inner = provider.probes.inner as unknown as ProbeHandle;
      const outer = provider.probes.outer as unknown as ProbeHandle;
      const { loaded } = outer.delivery;
      assert.ok(loaded);
      // The code as it would be with a breakpoint in it; the real code has none, and runs through.
      inner.text = outer.text = new Int32Array(inner.text.length).fill(~inner.idle);
      assert.ok(inner.enabled && outer.enabled);

      const { frame } = loaded.engine;
      const texts = (): string[] => {
        const words = new BigUint64Array(frame.words.buffer, FRAME.args, MAX_ARGUMENTS);
        return Array.from(words, (word) => {
          const at = Number(word - frame.address);
          return Buffer.from(frame.bytes.subarray(at, frame.bytes.indexOf(0, at))).toString();
        });
      };
      const innerValues = types.map((_, slot) => `inner ${slot}`);
      let seen: string[] = [];
      const nested = {
        toString: () => {
          inner.fire(...innerValues);
          seen = texts();
          return 'nested';
        },
      };
      const values: unknown[] = types.map((_, slot) => `outer ${slot}`);
      values[31] = nested;
      outer.fire(...values);
      assert.deepEqual(seen, innerValues);
      assert.deepEqual(texts(), [...types.slice(1).map((_, slot) => `outer ${slot}`), 'nested']);
    } finally {
      provider.free();
    }
  });

  test('a conversion that frees the provider: nothing is called', () => {
    const provider = createProvider('typesapp', { probes: { leaving: ['char *'] } });
    provider.enable({ strict: true });
    const probe = provider.probes.leaving as unknown as ProbeHandle;
    const { loaded } = probe.delivery;
    assert.ok(loaded);
    probe.text = new Int32Array(probe.text.length).fill(~probe.idle);
    loaded.engine.frame.words.fill(0, FRAME.target / 4, FRAME.target / 4 + 2);
    const leaving = {
      toString: () => {
        provider.free();
        return 'gone';
      },
    };
    probe.fire(leaving);
    assert.equal(probe.delivery.loaded, undefined);
    const code = new BigUint64Array(loaded.engine.frame.words.buffer)[FRAME.target / 8]!;
    assert.notEqual(code - loaded.textAddress, BigInt(loaded.sites.at(0)!.entry), 'the code that is gone');
  });
});
