/** What `usdt stat` shows, of made-up numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Snapshot } from '../../../src/sinks/stat/statistics.ts';
import { type Surroundings, screenLines, summaryLines } from '../../../src/sinks/stat/view.ts';

const around: Surroundings = {
  patterns: ['long:*'],
  by: [],
  time: '13:37:00',
  elapsed: 7,
  lost: 0,
  problems: [],
  unicode: true,
};
const LONG = `request-${'of-a-very-long-name-'.repeat(4)}`;

function snapshot(...names: readonly string[]): Snapshot {
  const counts = names.map((probe) => ({
    ...{ provider: 'long', probe, group: { values: [], label: '' }, count: 40, rate: 10 },
    history: [1, 2, 3, 4, 5, 6, 7, 8],
  }));
  return { interval: 1, counts, spans: [], events: 40 };
}

const screen = (columns: number, ...names: readonly string[]): string[] =>
  screenLines(snapshot(...names), around, { columns, rows: 24 }, 'q quit').map(stripVTControlCharacters);

test('the rates of the last intervals have as much room as is left beside the names', () => {
  const rows = (columns: number) =>
    screen(columns, `${LONG}1`, `${LONG}2`).filter((line) => line.startsWith('long:'));
  const [wide] = rows(100);
  assert.match(wide!, / {2}▂▃▄▅▆▇██$/u);
  for (const columns of [40, 64, 66, 68, 72, 80, 100])
    for (const line of rows(columns)) {
      const bars = /[▁▂▃▄▅▆▇█]+$/u.exec(line)?.[0] ?? '';
      assert.notEqual(bars.length, 1, line);
      if (bars !== '') assert.ok(line.length <= columns, `${columns}: ${line}`);
    }
});

test('a summary has no bars: its rates are of the whole time', () => {
  for (const names of [['short'], [LONG, 'short']])
    assert.doesNotMatch(summaryLines(snapshot(...names), around, 100).join('\n'), /[▁▂▃▄▅▆▇█]/u);
});

test('long names that begin alike can be told apart', () => {
  for (const lines of [
    screen(100, `${LONG}1`, `${LONG}2`),
    summaryLines(snapshot(`${LONG}1`, `${LONG}2`), around, 100),
  ]) {
    const names = lines.filter((line) => line.startsWith('long:')).map((line) => line.split(' ')[0]);
    assert.equal(new Set(names).size, 2, lines.join('\n'));
  }
});
