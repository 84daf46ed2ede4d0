/**
 * Reads the ring buffers of all processors of an instance, and puts their records in order of time.
 *
 * Node has no way to wait for such a file without a thread, so the reader is called from time to time. Reads don't
 * block and return a page each. A record may be written on one processor while another is read; what is newer than the
 * beginning of a round is held back until the next, so that nothing older can come after it.
 */

import * as fs from 'node:fs';
import { systemCode } from '../../../errors.ts';
import { LOST_UNKNOWN, type PageLayout, readPage } from './page.ts';

/** Called for each record, by processor; within a processor in order of time. @param start, end the data, in `bytes`. */
export type CpuRecordHandler = (cpu: number, time: number, start: number, end: number) => void;

interface CpuFile {
  readonly cpu: number;
  readonly fd: number;
}

/** Of memory for pages, at first. */
const PAGES = 64;

export class RingBufferReader {
  /** The pages that the last `drain` has read; it may be another one for each record. */
  bytes: Buffer;
  view: DataView;
  /** Lost records that the pages told of. */
  lost = 0;
  /** Bytes that the last `drain` has read of the processor that had most. */
  fullest = 0;
  /** Whether records were lost whose number is not known: the processors' `stats` have it. */
  lostUnknown = false;
  private readonly layout: PageLayout;
  private readonly epoch: bigint;
  private readonly files: CpuFile[] = [];
  private readonly path: string;

  /** @param path the instance's folder. @param epoch time zero, by the instance's clock. */
  constructor(path: string, layout: PageLayout, epoch: bigint) {
    this.path = path;
    this.layout = layout;
    this.epoch = epoch;
    this.bytes = Buffer.allocUnsafeSlow(PAGES * layout.size);
    this.view = new DataView(this.bytes.buffer);
    for (const name of fs.readdirSync(`${path}/per_cpu`)) {
      const cpu = Number(/^cpu(\d+)$/.exec(name)?.[1]);
      if (Number.isNaN(cpu)) continue;
      const fd = fs.openSync(
        `${path}/per_cpu/${name}/trace_pipe_raw`,
        fs.constants.O_RDONLY | fs.constants.O_NONBLOCK,
      );
      this.files.push({ cpu, fd });
    }
    this.files.sort((a, b) => a.cpu - b.cpu);
  }

  /**
   * Reads what there is, at most `maxPages` of each processor.
   * @param kept bytes at the beginning of `bytes` that stay as they are.
   * @returns the time up to which everything was read of every processor: Infinity, or that of the last record of
   * a processor which has more.
   */
  drain(maxPages: number, onRecord: CpuRecordHandler, kept = 0): number {
    let complete = Number.POSITIVE_INFINITY;
    let at = kept;
    this.fullest = 0;
    for (const { cpu, fd } of this.files) {
      let last = Number.NEGATIVE_INFINITY;
      let pages = 0;
      while (pages < maxPages && this.readOne(fd, at)) {
        pages++;
        const lost = readPage(this.view, at, this.layout, this.epoch, (time, start, end) => {
          last = time;
          onRecord(cpu, time, start, end);
        });
        if (lost === LOST_UNKNOWN) this.lostUnknown = true;
        else this.lost += lost;
        at += this.layout.size;
      }
      this.fullest = Math.max(this.fullest, pages * this.layout.size);
      if (pages === maxPages) complete = Math.min(complete, last);
    }
    return complete;
  }

  /** Records that the kernel dropped or overwrote, by its own count. */
  kernelLost(): number {
    let lost = 0;
    for (const { cpu } of this.files) {
      const stats = fs.readFileSync(`${this.path}/per_cpu/cpu${cpu}/stats`, 'utf8');
      lost += Number(/^overrun: (\d+)/m.exec(stats)?.[1] ?? 0);
      lost += Number(/^dropped events: (\d+)/m.exec(stats)?.[1] ?? 0);
    }
    return lost;
  }

  close(): void {
    for (const { fd } of this.files.splice(0)) fs.closeSync(fd);
  }

  /** Reads a page to `at`; false when there is none. */
  private readOne(fd: number, at: number): boolean {
    if (at + this.layout.size > this.bytes.length) this.grow();
    const limit = Error.stackTraceLimit;
    // "Nothing there" is an exception in Node: without its stack it costs a tenth.
    Error.stackTraceLimit = 0;
    try {
      return fs.readSync(fd, this.bytes, at, this.layout.size, null) > 0;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EAGAIN' || code === 'EINTR' || code === 'ENODEV') return false;
      throw error;
    } finally {
      Error.stackTraceLimit = limit;
    }
  }

  private grow(): void {
    const bytes = Buffer.allocUnsafeSlow(2 * this.bytes.length);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
