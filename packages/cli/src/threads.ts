/**
 * Which process a thread belongs to, and its name. Records have only the thread's number. A thread is looked up when
 * it is first seen and again after a while, since numbers are used again.
 * @module
 */

import * as fs from 'node:fs';
import { hasMachinePids } from './pid-namespace.ts';

export interface ThreadInfo {
  readonly tid: number;
  /** The process; the thread itself if that is not known. */
  readonly pid: number;
  /** The thread's name, which is the program's if it did not choose one. Empty if not known. */
  readonly comm: string;
}

/** How long a name is trusted, in nanoseconds of the records' clock. */
const TRUSTED = 1_000_000_000;

interface Entry {
  readonly info: ThreadInfo;
  readonly until: number;
}

export class ThreadTable {
  private readonly threads = new Map<number, Entry>();
  private readonly tracefs: string;
  /** Whether /proc has the threads by the numbers in records. */
  private readonly inProc = hasMachinePids();
  private last: Entry | undefined;

  constructor(tracefs: string) {
    this.tracefs = tracefs;
  }

  /** @param time of the record, in nanoseconds. */
  lookup(tid: number, time: number): ThreadInfo {
    const { last } = this;
    if (last !== undefined && last.info.tid === tid && time < last.until) return last.info;
    let entry = this.threads.get(tid);
    if (entry === undefined || time >= entry.until) {
      // A thread that has ended keeps what was known of it.
      const info = (this.inProc ? readThread(tid) : undefined) ?? entry?.info ?? this.recorded(tid);
      entry = { info, until: time + TRUSTED };
      this.threads.set(tid, entry);
      if (this.threads.size > 10_000) this.forget(time);
    }
    this.last = entry;
    return entry.info;
  }

  private forget(time: number): void {
    for (const [tid, { until }] of this.threads) if (until < time) this.threads.delete(tid);
  }

  /** What the kernel noted of threads that were gone before we could look. */
  private recorded(tid: number): ThreadInfo {
    const pid = Number(this.savedLine('saved_tgids', tid) ?? tid);
    return { tid, pid: pid > 0 ? pid : tid, comm: this.savedLine('saved_cmdlines', tid) ?? '' };
  }

  private savedLine(file: string, tid: number): string | undefined {
    try {
      const text = fs.readFileSync(`${this.tracefs}/${file}`, 'utf8');
      return new RegExp(`^${tid} (.*)$`, 'm').exec(text)?.[1];
    } catch {
      return undefined;
    }
  }
}

function readThread(tid: number): ThreadInfo | undefined {
  try {
    const status = fs.readFileSync(`/proc/${tid}/status`, 'latin1');
    const comm = fs.readFileSync(`/proc/${tid}/comm`, 'utf8').slice(0, -1);
    return { tid, pid: Number(/^Tgid:\s*(\d+)/m.exec(status)?.[1] ?? tid), comm };
  } catch {
    return undefined;
  }
}
