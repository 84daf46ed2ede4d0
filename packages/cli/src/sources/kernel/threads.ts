/**
 * Which process a thread belongs to, and the names of both. Records have only the thread's number. A thread is looked
 * up when it is first seen and again after a while, since numbers are used again.
 *
 * A process' name is that of its main thread, which is the program's unless it chose another. But some name the main
 * thread by what it does: `MainThread` (Node 24), `node-MainThread` (Node 26), `CrBrowserMain`. Then it is that of
 * the program's file.
 */

import * as fs from 'node:fs';
import { basename } from 'node:path';
import { decodeText } from 'libusdt/codecs';
import { hasMachinePids } from '../../pid-namespace.ts';
import type { ThreadInfo } from '../record.ts';

/** What main threads are called by what they are. */
const MAIN_THREAD = /(^|[-_ ])[Mm]ain([-_ ]?[Tt]hread)?$|[a-z]Main$/;
/** What is not looked up again is kept for so many processes. */
const MOST = 10_000;

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
  /** The file that each process of a traced tree runs. */
  private readonly programs = new Map<number, string>();
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
      const info = (this.inProc ? this.readThread(tid) : undefined) ?? entry?.info ?? this.recorded(tid);
      entry = { info, until: time + TRUSTED };
      this.threads.set(tid, entry);
      if (this.threads.size > MOST) this.forget(time);
    }
    this.last = entry;
    return entry.info;
  }

  /** A process has begun to run a file: its name is known then, also if it is gone before it can be looked at. */
  executed(pid: number, path: string): void {
    if (this.programs.size >= MOST) this.programs.clear();
    this.programs.set(pid, path);
  }

  private forget(time: number): void {
    for (const [tid, { until }] of this.threads) if (until < time) this.threads.delete(tid);
  }

  private readThread(tid: number): ThreadInfo | undefined {
    try {
      const status = fs.readFileSync(`/proc/${tid}/status`, 'latin1');
      const thread = readName(tid);
      const pid = Number(/^Tgid:\s*(\d+)/m.exec(status)?.[1] ?? tid);
      const main = pid === tid ? thread : readName(pid);
      if (!MAIN_THREAD.test(main)) return { tid, pid, comm: main, thread };
      // A process that is ending still has its name, but no file any more.
      return { tid, pid, comm: processName(main, programOf(pid) ?? this.programs.get(pid)), thread };
    } catch {
      return undefined;
    }
  }

  /** What the kernel noted of threads that were gone before we could look. */
  private recorded(tid: number): ThreadInfo {
    const group = Number(this.savedLine('saved_tgids', tid) ?? tid);
    const pid = group > 0 ? group : tid;
    const thread = this.savedLine('saved_cmdlines', tid) ?? '';
    const main = pid === tid ? thread : (this.savedLine('saved_cmdlines', pid) ?? thread);
    return { tid, pid, comm: processName(main, this.programs.get(pid)), thread };
  }

  private savedLine(file: string, tid: number): string | undefined {
    try {
      const text = decodeText(fs.readFileSync(`${this.tracefs}/${file}`));
      const start = `${tid} `;
      const lines = text.split('\n').filter((line) => line.startsWith(start));
      // A name with a line end may look like a line of another thread: then it can't be told which is true.
      return lines.length === 1 ? lines[0]!.slice(start.length) : undefined;
    } catch {
      return undefined;
    }
  }
}

function readName(tid: number): string {
  return decodeText(fs.readFileSync(`/proc/${tid}/comm`).subarray(0, -1));
}

function programOf(pid: number): string | undefined {
  try {
    return decodeText(fs.readlinkSync(`/proc/${pid}/exe`, 'buffer')).replace(/ \(deleted\)$/, '');
  } catch {
    return undefined;
  }
}

/** @param main the main thread's name. @param program the file that it runs; undefined if not known. */
function processName(main: string, program: string | undefined): string {
  if (!MAIN_THREAD.test(main)) return main;
  return program === undefined ? main.replace(/[-_ ]main[-_ ]?thread$/i, '') : basename(program);
}
