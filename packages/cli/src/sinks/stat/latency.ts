/**
 * How long something took, many times: quantiles from Node's HdrHistogram, and counts by powers of two.
 */

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { log2Bucket } from './log2-histogram.ts';

/** Significant decimal digits of quantiles: they are less than 1 % too high. A third would take eight times the memory. */
const FIGURES = 2;

/** Nanoseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** As of log2-histogram.ts. */
  readonly buckets: readonly number[];
}

export class Latency {
  private readonly histogram: RecordableHistogram = createHistogram({ figures: FIGURES });
  private readonly buckets: number[] = [];
  private count = 0;
  private sum = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = 0;

  /** @param nanoseconds a whole number; below 0 counts as 0. */
  add(nanoseconds: number): void {
    const value = Math.max(0, nanoseconds);
    // It holds 1 and above.
    this.histogram.record(Math.max(1, value));
    const bucket = log2Bucket(value);
    while (this.buckets.length <= bucket) this.buckets.push(0);
    this.buckets[bucket]!++;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }

  summary(): LatencySummary {
    const { count, min, max } = this;
    if (count === 0) return { count, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0, buckets: [] };
    const quantile = (percent: number): number =>
      Math.max(min, Math.min(max, this.histogram.percentile(percent)));
    return {
      count,
      min,
      mean: this.sum / count,
      p50: quantile(50),
      p90: quantile(90),
      p99: quantile(99),
      max,
      buckets: [...this.buckets],
    };
  }
}
