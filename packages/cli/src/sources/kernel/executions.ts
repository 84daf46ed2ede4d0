/**
 * Which programs ran in a traced tree of processes, by the kernel's own record of every exec: what a wrapper or script
 * started was perhaps not known beforehand, and may have ended before anybody could look at it. So it can be told
 * whether the probes of its file, or of a library that it is linked with, were attached when it began.
 */

import * as fs from 'node:fs';
import { resolve } from 'node:path';
import { statKey } from '../../catalogue/maps.ts';
import { filesOfProgram } from '../../program-files.ts';
import { parseEventFormat } from '../../tracefs/format.ts';
import type { Instance } from '../../tracefs/instance.ts';

/** include/trace/events/sched.h: after an exec that succeeded. */
const EVENT = 'events/sched/sched_process_exec';

export interface Execution {
  /** As of the events. */
  readonly time: number;
  readonly tid: number;
  /** As given to execve(2): of a script that of the script itself. */
  readonly path: string;
}

/** A file that a program maps. */
export interface ProgramFile {
  /** Canonical. */
  readonly path: string;
  /** `major:minor:inode`. */
  readonly key: string;
}

export class Executions {
  /** The kernel's number of the event; -1 where it has none. */
  readonly id: number;
  /** Paths under which nothing was found: of programs that were over, in folders or mounts that nobody knows. */
  readonly unknown = new Set<string>();
  private readonly filename: number;
  /** By path and what lies there: programs are started again and again. */
  private readonly known = new Map<string, readonly ProgramFile[]>();

  /** The instance's selection of processes holds for this event too. */
  constructor(instance: Instance) {
    const enabled = instance.tryWrite(`${EVENT}/enable`, '1');
    const format = enabled ? parseEventFormat(instance.read(`${EVENT}/format`)) : undefined;
    const field = format?.fields.get('filename');
    this.id = format && field ? format.id : -1;
    this.filename = field?.offset ?? 0;
  }

  /** The record at `start` of a page. */
  decode(bytes: Buffer, view: DataView, start: number, time: number): Execution {
    // __data_loc: the place in the record in the lower half, the length with NUL in the upper.
    const where = view.getUint32(start + this.filename, true);
    const at = start + (where & 0xffff);
    const path = bytes.toString('utf8', at, at + Math.max(0, (where >>> 16) - 1));
    return { time, tid: view.getInt32(start + 4, true), path };
  }

  /** What it mapped at its start, as far as it is still there. */
  filesOf({ tid, path }: Execution): readonly ProgramFile[] {
    const file = path.startsWith('/') ? path : resolve(folderOf(tid), path);
    const version = programFile(file);
    if (version === undefined) {
      this.unknown.add(path);
      return [];
    }
    const name = `${version.key} ${file}`;
    let files = this.known.get(name);
    if (files === undefined) {
      files = filesOfProgram(file).flatMap((each) => programFile(each) ?? []);
      this.known.set(name, files);
    }
    return files;
  }
}

function programFile(path: string): ProgramFile | undefined {
  try {
    const stat = fs.statSync(path, { bigint: true });
    return stat.isFile() ? { path: fs.realpathSync(path), key: statKey(stat) } : undefined;
  } catch {
    return undefined;
  }
}

/** The working folder of a process; ours if it is gone. */
function folderOf(tid: number): string {
  try {
    return fs.readlinkSync(`/proc/${tid}/cwd`);
  } catch {
    return process.cwd();
  }
}
