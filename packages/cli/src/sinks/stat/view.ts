/**
 * What `usdt stat` shows: a screen, lines, or JSON.
 */

import { probeTitle } from '../../catalogue/probe.ts';
import { bold, cyan, dim, red, yellow } from '../../colours.ts';
import { count } from '../../output.ts';
import { keyText } from '../../spans/spec.ts';
import { plainTable } from '../../table.ts';
import { cut, escapeUnseen, jsonValue, shown } from '../../text.ts';
import { formatDuration, formatRate, sparkline } from '../../units.ts';
import type { LatencySummary } from './latency.ts';
import { drawLog2 } from './log2-histogram.ts';
import type { CountRow, Group, Snapshot, SpanRow } from './statistics.ts';

/** What is known besides the numbers. */
export interface Surroundings {
  /** For the head. */
  readonly patterns: readonly string[];
  /** Names of the fields that are grouped by. */
  readonly by: readonly string[];
  /** Wall-clock time, `13:37:00`. */
  readonly time: string;
  /** Seconds since the beginning. */
  readonly elapsed: number;
  readonly lost: number;
  readonly problems: readonly string[];
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const NAME_MAX = 48;
const GROUP_MAX = 40;
const BAR_MAX = 60;
/** Lines for the head, and for what stands under the tables. */
const FRAME = 4;
const HISTOGRAM_MIN = 4;
/** Intervals whose rates are worth a picture. */
const HISTORY_MIN = 2;

/** The live screen, at most as many lines as there are rows. */
export function screenLines(
  snapshot: Snapshot,
  around: Surroundings,
  { columns, rows }: ScreenSize,
  keys: string,
): string[] {
  const head = `${bold('usdt stat')} ${around.patterns.map((pattern) => shown(pattern)).join(' ')}`;
  const state = `${around.time}  ${formatElapsed(around.elapsed)}  ${count(snapshot.events, 'event')}  ${lostText(around.lost)}`;
  const lines = [head, state, ''];
  const foot: string[] = [];
  if (around.problems.length > 0) foot.push(yellow(escapeUnseen(around.problems.at(-1)!)));
  if (keys !== '') foot.push(dim(keys));

  const { spans } = snapshot;
  const spare = rows - FRAME - foot.length;
  // Latencies are what was asked for: counts have what they leave, but a third at least.
  const wanted = spans.length === 0 ? 0 : spans.length * (HISTOGRAM_MIN + 4);
  const forCounts = Math.max(3, Math.ceil(spare / 3), spare - wanted - 2);
  lines.push(...fitted(countLines(snapshot.counts, around, columns), forCounts, 'row'));
  const left = rows - lines.length - foot.length - 1;
  if (spans.length > 0) {
    const each = Math.floor(left / spans.length);
    for (const span of spans) lines.push('', ...spanLines(span, around, columns, each - 1));
  }
  return [...lines.slice(0, rows - foot.length - 1), '', ...foot].slice(0, rows);
}

/** Everything, without limits: for the end. */
export function summaryLines(snapshot: Snapshot, around: Surroundings, columns: number): string[] {
  const lines = fitted(countLines(snapshot.counts, around, undefined), GROUP_LINES, 'row');
  for (const span of snapshot.spans)
    lines.push('', ...spanLines(span, around, columns, Number.POSITIVE_INFINITY));
  return lines;
}

/** Of a table at the end. */
const GROUP_LINES = 200;

/** One line for each row, each complete by itself. */
export function plainLines(snapshot: Snapshot, { time, lost }: Surroundings): string[] {
  const lines = snapshot.counts.map(
    ({ provider, probe, group, count: n, rate }) =>
      `${time}  ${shown(probeTitle({ provider, name: probe }))}${grouped(group)}  count ${n}  rate ${formatRate(rate)}/s`,
  );
  for (const row of snapshot.spans) {
    const { spec, total, groups } = row;
    const title = `${shown(spec.start)} -> ${shown(spec.done)}`;
    lines.push(
      `${time}  ${title}  ${plainLatency(total)}  pending ${row.pending}${givenUp(row)
        .map((text) => `  ${text}`)
        .join('')}`,
    );
    for (const { group, ...summary } of groups)
      lines.push(`${time}  ${title}${grouped(group)}  ${plainLatency(summary)}`);
  }
  if (lost > 0) lines.push(`${time}  lost ${lost}`);
  return lines;
}

/** An object for a line of JSON. Latencies are in nanoseconds. */
export function jsonSnapshot(snapshot: Snapshot, time: string, lost: number, final: boolean): object {
  const latency = ({ buckets, ...summary }: LatencySummary): object => ({
    ...summary,
    mean: Math.round(summary.mean),
    buckets,
  });
  return {
    time,
    interval: Number(snapshot.interval.toFixed(3)),
    final,
    events: snapshot.events,
    lost,
    counts: snapshot.counts.map(({ provider, probe, group, count: n, rate }) => ({
      provider,
      probe,
      ...(group.label !== '' && { by: jsonGroup(group) }),
      count: n,
      rate: Number(rate.toFixed(3)),
    })),
    latencies: snapshot.spans.map((row) => ({
      start: row.spec.start,
      done: row.spec.done,
      key: row.spec.key.map(keyText),
      ...latency(row.total),
      pending: row.pending,
      unmatched: row.unmatched,
      replaced: row.replaced,
      evicted: row.evicted,
      ...(row.groups.length > 0 && {
        groups: row.groups.map(({ group, ...summary }) => ({ by: jsonGroup(group), ...latency(summary) })),
      }),
    })),
  };
}

function jsonGroup({ values, label }: Group): unknown {
  return values.length > 0 ? values.map(jsonValue) : label;
}

/** @param columns where the rates of the last intervals are shown beside; there are none in a summary, of the whole time. */
function countLines(
  rows: readonly CountRow[],
  { by, unicode }: Surroundings,
  columns: number | undefined,
): string[] {
  const head = ['PROBE', ...(by.length > 0 ? [by.join(', ')] : []), 'COUNT', 'RATE/S'];
  const cells = rows.map(({ provider, probe, group, count: n, rate }) => [
    shown(probeTitle({ provider, name: probe }), NAME_MAX),
    ...(by.length > 0 ? [cut(group.label, GROUP_MAX)] : []),
    String(n),
    formatRate(rate),
  ]);
  const aligns: ('left' | 'right')[] = [
    'left',
    ...(by.length > 0 ? ['left' as const] : []),
    'right',
    'right',
  ];
  const [first = '', ...others] = plainTable(head, cells, aligns);
  const longest = Math.max(...rows.map((row) => row.history.length));
  // The last column is at the right, so that all lines are as wide as the head.
  const room = Math.min(longest, (columns ?? 0) - first.length - 2);
  if (!unicode || room < HISTORY_MIN) return [dim(first), ...others];
  return [
    dim(first),
    ...others.map((line, index) => {
      const rates = rows[index]!.history.slice(-room);
      return `${line}  ${cyan(sparkline(rates).padStart(room))}`.trimEnd();
    }),
  ];
}

/** The table of a span, and as much of its histogram as there is room for. */
function spanLines(row: SpanRow, around: Surroundings, columns: number, room: number): string[] {
  const { spec, total, groups } = row;
  const key = spec.key.map(keyText).join(', ');
  const arrow = around.unicode ? '→' : '->';
  const title = `${bold(shown(spec.start))} ${arrow} ${bold(shown(spec.done))}  by ${key}`;
  const notes = [`${row.pending} pending`, ...givenUp(row)].join(', ');
  const lines = [`${title}  ${dim(notes)}`];
  if (total.count === 0) return lines;
  const named = groups.length > 0;
  const cells = [{ group: { values: [], label: 'all' }, ...total }, ...groups].map(
    ({ group, ...summary }) => [
      ...(named ? [cut(group.label, GROUP_MAX)] : []),
      String(summary.count),
      ...[summary.p50, summary.p90, summary.p99, summary.max].map(formatDuration),
    ],
  );
  const aligns: ('left' | 'right')[] = [
    ...(named ? ['left' as const] : []),
    ...Array.from({ length: 5 }, () => 'right' as const),
  ];
  const head = [...(named ? [around.by.join(', ')] : []), 'COUNT', 'p50', 'p90', 'p99', 'MAX'];
  const [first = '', ...others] = plainTable(head, cells, aligns);
  const draw = (most: number): string[] =>
    drawLog2(total.buckets, {
      width: Math.max(10, Math.min(BAR_MAX, columns - 30)),
      format: formatDuration,
      unicode: around.unicode,
      lines: most,
    }).map(colored);
  // The line of all, and then as many groups as the histogram leaves room for.
  const table = [dim(first), ...others];
  const whole = draw(Number.POSITIVE_INFINITY);
  lines.push(...fitted(table, Math.max(2, Math.min(GROUP_LINES, room - 2 - whole.length)), 'group'));
  const forHistogram = room - lines.length - 1;
  if (forHistogram >= HISTOGRAM_MIN || whole.length <= forHistogram) lines.push('', ...draw(forHistogram));
  return lines;
}

/** What keeps latencies from being complete. */
function givenUp({ unmatched, replaced, evicted }: SpanRow): string[] {
  const notes: string[] = [];
  if (unmatched > 0) notes.push(`${unmatched} without a start`);
  if (replaced > 0) notes.push(`${replaced} started again`);
  if (evicted > 0) notes.push(`${evicted} given up`);
  return notes;
}

function plainLatency({ count: n, p50, p90, p99, max }: LatencySummary): string {
  const [a, b, c, d] = [p50, p90, p99, max].map(formatDuration);
  return n === 0 ? 'count 0' : `count ${n}  p50 ${a}  p90 ${b}  p99 ${c}  max ${d}`;
}

function grouped({ label }: Group): string {
  return label === '' ? '' : `  ${label}`;
}

function colored(line: string): string {
  return line.replace(/[\u2588-\u258f#]+$/, (bar) => cyan(bar));
}

function lostText(lost: number): string {
  return lost === 0 ? '0 lost' : red(`${lost} lost`);
}

/** `12 s`, `2 min 5 s`. */
function formatElapsed(seconds: number): string {
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** As many lines as there is room for; the last then says how many are missing. */
function fitted(lines: readonly string[], room: number, noun: string): string[] {
  if (lines.length <= room) return [...lines];
  const shown = Math.max(1, room - 1);
  return [...lines.slice(0, shown), dim(`... ${count(lines.length - shown, `more ${noun}`)}`)];
}
