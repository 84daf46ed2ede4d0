/**
 * Records that were read but are not told yet, in order of time: where each is in the reader's memory. Without an object
 * for each, which is half of what reading them would cost.
 */

export class RecordQueue {
  private count = 0;
  private times = new Float64Array(4096);
  private starts = new Uint32Array(4096);
  private ends = new Uint32Array(4096);
  private cpus = new Uint16Array(4096);
  /** Records by time, as far as `arrange` has put them in order. */
  private order: number[] = [];
  private inOrder = true;

  /** Records are added in the order in which they lie in memory. @param start, end the data, in the reader's memory. */
  add(cpu: number, time: number, start: number, end: number): void {
    const n = this.count;
    if (n === this.times.length) this.grow();
    if (n > 0 && time < this.times[n - 1]!) this.inOrder = false;
    this.times[n] = time;
    this.starts[n] = start;
    this.ends[n] = end;
    this.cpus[n] = cpu;
    this.count = n + 1;
  }

  /**
   * Puts all in order of time; those of one moment stay as they were added.
   * @returns how many are not newer than `limit`.
   */
  arrange(limit: number): number {
    const { order, times, count } = this;
    order.length = 0;
    for (let i = 0; i < count; i++) order.push(i);
    // What one processor wrote is in order.
    if (!this.inOrder) order.sort((a, b) => times[a]! - times[b]!);
    let end = count;
    while (end > 0 && times[order[end - 1]!]! > limit) end--;
    return end;
  }

  /** Calls for the first `count` records, as arranged. */
  visit(count: number, use: (cpu: number, time: number, start: number) => void): void {
    const { order, cpus, times, starts } = this;
    for (let i = 0; i < count; i++) {
      const n = order[i]!;
      use(cpus[n]!, times[n]!, starts[n]!);
    }
  }

  /**
   * Removes the first `count` records, as arranged, and moves the data of the others to the beginning of `bytes`.
   * @returns how many bytes they take there.
   */
  remove(count: number, bytes: Uint8Array): number {
    // By place, so that none is written over before it is moved.
    const left = this.order.slice(count).sort((a, b) => a - b);
    const { times, starts, ends, cpus } = this;
    this.count = 0;
    this.inOrder = true;
    let at = 0;
    for (const n of left) {
      const start = starts[n]!;
      const end = ends[n]!;
      bytes.copyWithin(at, start, end);
      this.add(cpus[n]!, times[n]!, at, at + end - start);
      at += end - start;
    }
    return at;
  }

  private grow(): void {
    const { times, starts, ends, cpus } = this;
    const size = 2 * times.length;
    this.times = new Float64Array(size);
    this.times.set(times);
    this.starts = new Uint32Array(size);
    this.starts.set(starts);
    this.ends = new Uint32Array(size);
    this.ends.set(ends);
    this.cpus = new Uint16Array(size);
    this.cpus.set(cpus);
  }
}
