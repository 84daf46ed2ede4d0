/**
 * Numbers for people, in three digits.
 */

const UNITS: readonly (readonly [unit: string, nanoseconds: number])[] = [
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
];

/** Nanoseconds as `831ns`, `1.05ms`, `73.2s`. */
export function formatDuration(nanoseconds: number): string {
  for (const [unit, size] of UNITS) {
    // What rounds to a thousand of a smaller unit is one of this.
    if (nanoseconds >= size * 0.9995 || size === 1) return `${threeDigits(nanoseconds / size)}${unit}`;
  }
  return '';
}

/** Events in a second. */
export function formatRate(rate: number): string {
  return rate === 0 ? '0' : threeDigits(rate);
}

/** `831 B`, `1.05 MB`: decimal units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${threeDigits(bytes / 1000 ** power)} ${['', 'kB', 'MB', 'GB', 'TB'][power]}`;
}

function threeDigits(value: number): string {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const text = value.toFixed(digits);
  return Number.isInteger(value) ? String(value) : text;
}

const BARS = '▁▂▃▄▅▆▇█';

/** One character for each value, the highest bar for the largest value. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values, 0);
  return values
    .map((value) =>
      value <= 0 ? ' ' : BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))],
    )
    .join('');
}
