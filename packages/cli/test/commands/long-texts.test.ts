/** Texts that are longer than the kernel's tracer can take: libusdt cuts them, and no event is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { jsonLines, usdt, withoutTracing } from '../../../../test/support/usdt.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
const PROGRAM = fileURLToPath(new URL('../fixtures/long-texts.mjs', import.meta.url));
/** As in docs/types.md: all texts of one event, with their NULs. */
const MOST = 3750;

test('every event arrives, whatever its texts have, and has all the text that it may have', { skip }, () => {
  const command = ['--', process.execPath, PROGRAM, String(MOST)];
  const { stdout, stderr, status } = usdt(folder, 'trace', 'long-texts:*', '--json', ...command);
  assert.equal(status, 0, stderr);
  const seen = new Map<unknown, number[]>();
  for (const { probe, args } of jsonLines(stdout)) {
    const texts = (args as unknown[]).filter((value) => typeof value === 'string');
    const bytes = texts.reduce((sum, text) => sum + text.length + 1, 0);
    seen.set(probe, [...(seen.get(probe) ?? []), bytes]);
  }
  const whole = [MOST - 1, ...Array<number>(7).fill(MOST)];
  // Equal parts of what there is: 3 of 1250, 32 of 117.
  const parts = 32 * Math.floor(MOST / 32);
  assert.deepEqual(Object.fromEntries(seen), {
    one: whole,
    json: whole,
    last: whole,
    some: whole,
    all: [MOST - 1, MOST, MOST, ...Array<number>(5).fill(parts)],
  });
});
