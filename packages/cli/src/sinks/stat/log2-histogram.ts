/**
 * Histograms whose buckets double, and how they look in a terminal.
 */

/**
 * Counts by bucket: bucket n counts values from 2^n up to, and without, 2^(n+1); bucket 0 also counts 0. What is not
 * in the array is 0.
 */
export type Log2Counts = readonly number[];

/** Number of the bucket of a value; negative values, which only a clock that jumps makes, count as 0. */
export function log2Bucket(value: number): number {
  if (value < 2) return 0;
  const bucket = Math.floor(Math.log2(value));
  // Math.log2 may round up to the next whole number.
  return value < 2 ** bucket ? bucket - 1 : bucket;
}

export interface DrawOptions {
  /** Columns for the bars, at least 1. */
  readonly width: number;
  /** How to write the bounds of buckets. */
  readonly format: (value: number) => string;
  /** Bars in eighths of a column instead of whole ones in ASCII. */
  readonly unicode: boolean;
  /** At most this many lines, at least 3: those of the largest counts, and what is below and above them in one line each. */
  readonly lines?: number;
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * One line for each bucket from the lowest to the highest that has something: `524us .. 1.05ms  12  ███▌`.
 * Bars are as long as the counts, the longest fills the width, and what is not 0 has a bar.
 */
export function drawLog2(
  counts: Log2Counts,
  { width, format, unicode, lines = Number.POSITIVE_INFINITY }: DrawOptions,
): string[] {
  const lowest = counts.findIndex((count) => count > 0);
  if (lowest === -1) return [];
  const highest = counts.reduce((last, count, bucket) => (count > 0 ? bucket : last), lowest);
  const [first, last] =
    highest - lowest < lines ? [lowest, highest] : fullest(counts, Math.max(1, lines - 2));
  const most = Math.max(...counts);
  const rows: [from: string, to: string, count: string, bar: string][] = [];
  for (let bucket = first; bucket <= last; bucket++) {
    const count = counts[bucket] ?? 0;
    rows.push([
      format(bucket === 0 ? 0 : 2 ** bucket),
      format(2 ** (bucket + 1)),
      String(count),
      unicode ? eighths((count / most) * width) : '#'.repeat(Math.ceil((count / most) * width)),
    ]);
  }
  const longest = (column: 0 | 1 | 2): number => Math.max(...rows.map((row) => row[column].length));
  const [from, to, number] = [longest(0), longest(1), longest(2)];
  const drawn = rows.map((row) =>
    `${row[0].padStart(from)} .. ${row[1].padEnd(to)}  ${row[2].padStart(number)}  ${row[3]}`.trimEnd(),
  );
  const below = sum(counts.slice(0, first));
  const above = sum(counts.slice(last + 1));
  return [
    ...(below > 0 ? [`${below} below ${format(2 ** first)}`] : []),
    ...drawn,
    ...(above > 0 ? [`${above} from ${format(2 ** (last + 1))}`] : []),
  ];
}

/** The first and the last of so many neighbours that together count the most. */
function fullest(counts: Log2Counts, size: number): [first: number, last: number] {
  let best = 0;
  let most = -1;
  for (let first = 0; first + size <= counts.length; first++) {
    const total = sum(counts.slice(first, first + size));
    if (total <= most) continue;
    most = total;
    best = first;
  }
  return [best, best + size - 1];
}

function sum(counts: Log2Counts): number {
  return counts.reduce((total, count) => total + count, 0);
}

function eighths(length: number): string {
  const parts = Math.ceil(length * 8);
  return '█'.repeat(parts >> 3) + EIGHTHS[parts & 7];
}
