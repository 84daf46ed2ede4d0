/**
 * Strings that stay in their places: when they are written again, when not, and that tracers read the right ones whatever
 * happened in between.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FRAME, MAX_TEXTS, TEXT_PLACES } from '../../../src/abi/call-block.ts';
import type { CTypeName } from '../../../src/ctypes/infer.ts';
import { cText, Gallery } from '../../delivery/support.ts';

const LONG = '/shop/articles/17/reviews?sort=newest';
const times = (count: number): CTypeName[] => Array<CTypeName>(count).fill('char *');

/** How many strings the engine writes for each of these. */
function written(gallery: Gallery, fire: (text: string) => void, texts: readonly string[]): number[] {
  return texts.map((text) => {
    const before = gallery.written;
    fire(text);
    assert.equal(gallery.shots.at(-1)!.text(0), text);
    return gallery.written - before;
  });
}

describe('a string that comes again', () => {
  test('is not written again; another one is', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['char *']);
    const texts = [LONG, LONG, `${LONG}.`, `${LONG}.`, LONG, LONG];
    assert.deepEqual(
      written(gallery, (text) => probe.fire(text), texts),
      [1, 0, 1, 0, 1, 0],
    );
  });

  test('also where it is equal, but not the same', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['char *']);
    probe.fire(LONG);
    probe.fire([...LONG].join(''));
    assert.equal(gallery.written, 1);
  });

  test('a few characters are no matter for the engine, unless they are not ASCII', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['char *']);
    const texts = ['GET', 'POST', '', 'größe', 'größe', 'GET', '1234567890', '12345678901'];
    assert.deepEqual(
      written(gallery, (text) => probe.fire(text), texts),
      [0, 0, 0, 1, 0, 0, 0, 1],
    );
  });

  test('each probe, and each argument, has a place of its own', () => {
    const gallery = new Gallery();
    const [one, two] = [gallery.probe(['int', 'char *']), gallery.probe(['char *', 'json', 'const char *'])];
    for (let round = 0; round < 3; round++) {
      one.fire(round, LONG);
      two.fire(`${LONG}1`, LONG, `${LONG}2`);
      const [first, second] = gallery.shots.slice(-2);
      assert.equal(first!.text(1), LONG);
      assert.deepEqual(
        [0, 1, 2].map((slot) => second!.text(slot)),
        [`${LONG}1`, JSON.stringify(LONG), `${LONG}2`],
      );
    }
    assert.equal(gallery.written, 4);
  });

  test('is compared no longer where strings keep changing, but once more after a while', () => {
    const gallery = new Gallery();
    const probe = gallery.probe(['char *']);
    for (let count = 0; count < 50; count++) probe.fire(`${LONG} ${count}`);
    assert.equal(gallery.written, 50);
    const again = written(gallery, (text) => probe.fire(text), Array<string>(100).fill(LONG));
    assert.equal(again[0], 1);
    assert.deepEqual(again.slice(-50), Array(50).fill(0));
  });
});

test('more long strings than the engine takes at once are written all the same', () => {
  const gallery = new Gallery();
  for (const count of [MAX_TEXTS, MAX_TEXTS + 1, 32]) {
    const texts = Array.from({ length: count }, (_, slot) => `text number ${slot}`);
    gallery.probe(times(count)).fire(...texts);
    const shot = gallery.shots.at(-1)!;
    assert.deepEqual(
      texts.map((_, slot) => shot.text(slot)),
      texts,
    );
  }
});

test('a runtime that refuses a string: the event arrives, and later ones too', () => {
  const gallery = new Gallery();
  const [one, two] = [gallery.probe(['char *']), gallery.probe(['char *', 'int', 'char *'])];
  for (const refuse of [false, true, false, true, true, false]) {
    gallery.refuse = refuse;
    for (const text of [LONG, `${LONG}${refuse}`, LONG]) {
      gallery.shots.length = 0;
      one.fire(text);
      two.fire(text, 7, `${text}!`);
      assert.deepEqual(
        gallery.shots.map((shot) => shot.text(0)),
        [text, text],
      );
      assert.deepEqual([gallery.shots[1]!.words[1], gallery.shots[1]!.text(2)], [7n, `${text}!`]);
    }
  }
});

test('a call for which there is no stack left leaves nothing behind that is not true', () => {
  const gallery = new Gallery();
  const probe = gallery.probe(['char *']);
  probe.fire(LONG);
  gallery.overflow = true;
  assert.throws(() => probe.fire(`${LONG} of another`), RangeError);
  assert.throws(() => probe.fire('short'), RangeError);
  gallery.overflow = false;
  for (const text of [`${LONG} of another`, 'short', LONG]) {
    probe.fire(text);
    assert.equal(gallery.shots.at(-1)!.text(0), text);
  }
});

test('any strings through more arguments than there are places', () => {
  const text = fc.oneof(
    fc.constantFrom('', 'GET', LONG, `${LONG}!`, 'größe', '😀'.repeat(5), '\ud83d', 'a\0b', '1234567'),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom('x'.repeat(1249), 'x'.repeat(1250), '€'.repeat(1249), '€'.repeat(1300)),
  );
  const event = fc.tuple(fc.nat(39), fc.array(text, { minLength: 4, maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const gallery = new Gallery();
      const probes = Array.from({ length: 40 }, (_, index) => gallery.probe(times(1 + (index % 4))));
      assert.ok(probes.length * 2.5 > TEXT_PLACES);
      for (const [index, texts] of events) {
        const count = 1 + (index % 4);
        probes[index]!.fire(...texts);
        const shot = gallery.shots.at(-1)!;
        const sizes = texts.slice(0, count).reduce((sum, each) => sum + Buffer.byteLength(each) + 1, 0);
        // What has to share the room is limits.test.ts' subject.
        if (sizes > 3750) continue;
        for (let slot = 0; slot < count; slot++)
          assert.deepEqual(shot.cstring(slot), cText(texts[slot]!, 3750));
      }
    }),
    { numRuns: 100 },
  );
});

test('no place reaches beyond the frame', () => {
  const gallery = new Gallery();
  for (let probe = 0; probe < TEXT_PLACES; probe++) gallery.probe(['char *']).fire('x'.repeat(1249));
  assert.equal(new Set(gallery.shots.map((shot) => shot.words[0])).size, TEXT_PLACES);
  const last = gallery.frame.texts.places.at(-1)!;
  assert.ok(last.offset + 2 * 1250 + 16 <= FRAME.size);
});
