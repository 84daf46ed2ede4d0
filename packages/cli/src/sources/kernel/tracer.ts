/**
 * The tracer that all commands share: it attaches to the probes that match, and gives their events in batches.
 *
 *     const tracer = openTracer({ patterns: ['webapp:request-*'] });
 *     for await (const events of tracer) for (const { probe, args } of events) console.log(probe.name, args);
 *
 * It ends when `stop()` is called; `close()` removes everything from the kernel. The kernel's buffers hold what is not
 * read yet; what they can't hold is counted in `lost`.
 */

import * as fs from 'node:fs';
import { Discovery, type DiscoveryOptions, imageFolders, type Match } from '../../catalogue/discovery.ts';
import { OtherFileError } from '../../catalogue/open-file.ts';
import { probeTitle } from '../../catalogue/probe.ts';
import { CommandError, FailureError, systemCode, UsageError } from '../../errors.ts';
import { milliseconds } from '../../monotonic.ts';
import { type Pattern, parsePattern } from '../../pattern.ts';
import { requireMachinePids } from '../../pid-namespace.ts';
import { shellWord } from '../../shell.ts';
import { SENTENCE_MAX, shown } from '../../text.ts';
import { createInstance, type Instance, removeLeftovers } from '../../tracefs/instance.ts';
import { openTracefs } from '../../tracefs/tracefs.ts';
import { parseTypeOverride } from '../../types.ts';
import { evaluate, parseWhere, type Where, whereArguments } from '../../where.ts';
import type { RecordLayout, RecordSource, RecordVisitor, ThreadInfo } from '../record.ts';
import type { ArgumentValue, Source, TracedProbe, TraceEvent } from '../source.ts';
import { type AttachedEvent, attach } from './attach.ts';
import { type Execution, Executions } from './executions.ts';
import { parsePageLayout } from './ringbuffer/page.ts';
import { RingBufferReader } from './ringbuffer/reader.ts';
import { RecordQueue } from './ringbuffer/records.ts';
import { ThreadTable } from './threads.ts';

export type { ArgumentValue, TracedArgument, TracedProbe, TraceEvent } from '../source.ts';

export interface TracerOptions {
  /** As of pattern.ts. */
  readonly patterns: readonly string[];
  /** Look for probes in these files only. */
  readonly files?: readonly string[];
  /** Trace these processes only. */
  readonly pids?: readonly number[];
  /** Trace these processes and all their descendants only: they exist, but have not begun. */
  readonly tree?: readonly number[];
  /** Files that those will map, as far as known: probes in them are attached before they begin. */
  readonly programs?: readonly string[];
  /** As of `--types`. */
  readonly types?: readonly string[];
  /** As of `--where`. */
  readonly where?: string;
  /** Size of the kernel's buffer of each processor, in KiB. */
  readonly bufferKb?: number;
  /** How often to look for new files with probes, in milliseconds; 0 for never. */
  readonly rescan?: number;
  /** Called when it is known what to attach to, before anything is made that a signal could leave in the kernel. */
  readonly prepared?: () => void;
}

/** Gives the events of the kernel's uprobes. `lost` are those that its buffers had no room for. */
export interface Tracer extends Source {
  /** Looks for new files with matching probes at once. */
  rescan(): void;
}

/**
 * Waiting between reads, in milliseconds: short for the next event to be told soon, longer while they come in numbers,
 * since each look costs as much as a hundred of them, and when none has come for a while.
 */
const POLL_NEXT = 10;
const POLL_BUSY = 25;
const POLL_IDLE = 40;
const PATIENCE = 2000;
/** The part of a buffer that may be filled between two looks: many more events may come before the next. */
const FILLED = 1 / 16;
/** A program that was started for tracing is looked at often, so that little of its beginning is missed. */
const RESCAN_TREE = 100;
const RESCAN = 1000;
const RESCAN_PAUSE = 20;
/** Of each processor, at once: bounds the memory for a batch. */
const PAGES_PER_ROUND = 1024;
/** All buffers together, unless the user says how large. In KiB. */
const BUFFERS_KB = 256 * 1024;
const BUFFER_MIN_KB = 1024;
const BUFFER_MAX_KB = 8192;

/**
 * @throws UsageError for a pattern, type or filter that makes no sense, UnavailableError when the kernel can't be used
 * for tracing, FailureError when it refuses. It is not an error that nothing matches yet: see `probes`.
 */
export function openTracer(options: TracerOptions): Tracer & RecordSource {
  return new KernelTracer(options);
}

class KernelTracer implements Tracer, RecordSource {
  readonly epoch: bigint;
  readonly epochDate: number;
  readonly probes: TracedProbe[] = [];
  readonly problems: string[] = [];
  private readonly options: TracerOptions;
  private readonly where: Where | undefined;
  private readonly overrides;
  private readonly instance: Instance;
  private readonly reader: RingBufferReader;
  private readonly threads: ThreadTable;
  private readonly discovery: Discovery;
  private readonly pids: ReadonlySet<number> | undefined;
  /** By the kernel's number of the event. */
  private readonly attachedEvents = new Map<number, AttachedEvent>();
  /** When the probes of a file were attached, by its `statKey`. */
  private readonly attachedAt = new Map<string, number>();
  /** Of the tree. */
  private executions: Executions | undefined;
  private readonly executed = new Set<string>();
  /** Files, with the time by which the first use of them was ahead of their probes, in nanoseconds. */
  private readonly ahead = new Map<string, { readonly by: number; readonly pattern: string }>();
  private readonly watchers: fs.FSWatcher[] = [];
  /** Read, but newer than what other processors may still deliver. */
  private readonly records = new RecordQueue();
  /** Bytes of those in the reader's memory. */
  private held = 0;
  /** Of each processor, in bytes; 0 if it is not known. */
  private bufferSize = 0;
  /** There was more to read than one round may. */
  private behind = false;
  private nextRescan = 0;
  private lastRescan = 0;
  private stopped = false;
  private closed = false;
  private finalLost = 0;
  private wake: (() => void) | undefined;

  constructor(options: TracerOptions) {
    this.options = options;
    const patterns: Pattern[] = options.patterns.map(parsePattern);
    this.overrides = (options.types ?? []).map(parseTypeOverride);
    this.where = options.where === undefined ? undefined : parseWhere(options.where);
    this.pids = options.pids && new Set(options.pids);
    const sources: DiscoveryOptions = {
      patterns,
      ...(options.files && { files: options.files }),
      ...(options.pids && { pids: options.pids }),
      ...(options.tree && { tree: options.tree }),
      ...(options.programs && { programs: options.programs }),
    };
    if (options.pids) requireMachinePids('tracing one process (-p)');
    if (options.tree) requireMachinePids('tracing a command');
    this.discovery = new Discovery(sources);
    const tracefs = openTracefs().path;
    const matches = this.discovery.find();
    options.prepared?.();

    this.instance = createInstance(tracefs);
    try {
      this.threads = new ThreadTable(tracefs);
      this.configure();
      this.epoch = process.hrtime.bigint();
      this.epochDate = Date.now();
      const layout = parsePageLayout(this.instance.read('events/header_page'));
      this.reader = new RingBufferReader(this.instance.path, layout, this.epoch);
      this.instance.beforeRemoval(() => this.leaveBuffers());
      this.attachAll(matches);
      this.tellUnread();
      this.checkWhere();
      if (matches.length > 0 && this.probes.length === 0) {
        throw new FailureError(this.problems.join('\n'));
      }
      this.watch();
      this.instance.write('tracing_on', '1');
    } catch (error) {
      this.close();
      throw error;
    } finally {
      // Others may be at work there, which takes its time: afterwards.
      removeLeftovers(tracefs);
    }
  }

  get lost(): number {
    if (this.closed) return this.finalLost;
    // The kernel's count includes what no page has told of yet.
    return this.reader.lostUnknown || this.stopped
      ? Math.max(this.reader.lost, this.reader.kernelLost())
      : this.reader.lost;
  }

  get missed(): readonly string[] {
    // Where something matched, that was it, most likely.
    const [unknown] = this.probes.length === 0 ? (this.executions?.unknown ?? []) : [];
    if (unknown !== undefined && this.ahead.size === 0) {
      return [
        `${shown(unknown)} was over before usdt could look at it: if it has such probes, its events are missing; a pattern that names its file, FILE:PROVIDER:PROBE, finds them`,
      ];
    }
    return Array.from(this.ahead, ([path, { by, pattern }]) => {
      const what =
        by === Number.POSITIVE_INFINITY
          ? 'was over before its probes were attached: its events are missing'
          : `began ${Math.ceil(by / 1e6)} ms before its probes were attached: events of that time may be missing`;
      return `a program that uses ${shown(path)} ${what}; with the pattern ${shellWord(shown(pattern, SENTENCE_MAX))} they are attached before the start`;
    });
  }

  rescan(): void {
    // A busy folder is no reason to look all the time.
    this.nextRescan = Math.min(this.nextRescan, this.lastRescan + RESCAN_PAUSE);
    if (milliseconds() >= this.nextRescan) this.wake?.();
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    if (!this.closed) this.instance.tryWrite('tracing_on', '0');
    this.wake?.();
  }

  close(): void {
    if (this.closed) return;
    this.stopped = true;
    this.closed = true;
    for (const watcher of this.watchers) watcher.close();
    this.instance.close();
    this.wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly TraceEvent[]> {
    let events: TraceEvent[] = [];
    const visit: RecordVisitor = (...record) => events.push(eventOf(...record));
    for await (const _ of this.visiting(visit)) {
      const batch = events;
      events = [];
      yield batch;
    }
  }

  async *visiting(visit: RecordVisitor): AsyncGenerator<undefined> {
    let quiet = 0;
    while (!this.closed) {
      const last = this.stopped;
      this.lookForMore();
      let wait = POLL_NEXT;
      if (this.read(last, visit) > 0) {
        quiet = 0;
        yield;
        if (this.reader.fullest < FILLED * this.bufferSize) wait = POLL_BUSY;
      } else if (last) return;
      else if (quiet < PATIENCE) quiet += wait;
      else wait = POLL_IDLE;
      // Even with more to read: signals and timers have their turn.
      if (!this.stopped) await this.pause(this.behind ? 0 : wait);
    }
  }

  private leaveBuffers(): void {
    this.finalLost = Math.max(this.reader.lost, safely(() => this.reader.kernelLost()) ?? 0);
    this.reader.close();
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }

  private configure(): void {
    const { instance, options } = this;
    instance.write('tracing_on', '0');
    // The clock of process.hrtime(), so that both can be compared.
    instance.write('trace_clock', 'mono');
    const processors = fs.readdirSync(`${instance.path}/per_cpu`).length;
    const kb =
      options.bufferKb ??
      Math.max(BUFFER_MIN_KB, Math.min(BUFFER_MAX_KB, Math.floor(BUFFERS_KB / processors)));
    if (instance.tryWrite('buffer_size_kb', String(kb))) this.bufferSize = kb * 1024;
    else if (options.bufferKb !== undefined) {
      throw new FailureError(`the kernel has no memory for buffers of ${kb} KiB for each processor`);
    }
    // Threads that are gone before they can be looked at.
    instance.tryWrite('options/record-tgid', '1');
    if (options.pids || options.tree) {
      // Records carry threads: the kernel adds those that are made later by itself.
      instance.tryWrite('options/event-fork', '1');
      this.selectThreads([...(options.pids ?? []), ...(options.tree ?? [])]);
    }
    if (options.tree && !options.files) this.executions = new Executions(instance);
  }

  /** Until no thread appears between looking and writing. */
  private selectThreads(pids: readonly number[]): void {
    let known = new Set<number>();
    for (let round = 0; round < 10; round++) {
      const threads = new Set(pids.flatMap(threadsOf));
      if ([...threads].every((tid) => known.has(tid))) return;
      known = threads;
      try {
        this.instance.write('set_event_pid', [...threads].join(' '));
      } catch (error) {
        throw new FailureError(
          `the kernel refused to select processes ${pids.join(', ')}: ${systemCode(error)}`,
        );
      }
    }
  }

  private attachAll(matches: readonly Match[]): void {
    const traceable = matches.filter(({ site }) => site.untraceable === undefined);
    const { attached, events } = attach(
      this.instance,
      traceable,
      this.probes.length,
      this.overrides,
      this.where,
    );
    for (const event of events) this.attachedEvents.set(event.id, event);
    const time = this.now();
    let at = 0;
    for (const { file, site } of matches) {
      const probe = `${shown(probeTitle(site))} in ${shown(file.path)}`;
      if (site.untraceable !== undefined) {
        this.problems.push(`${probe} can't be traced: ${site.untraceable}`);
        continue;
      }
      if (site.enabledAddresses.length > 0) {
        const silent = `${probe} may stay silent: before it fires, the program asks whether DTrace has enabled it`;
        if (!this.problems.includes(silent)) this.problems.push(silent);
      }
      const result = attached[at++]!;
      if ('refused' in result) {
        this.problems.push(`${probe}: ${messageOf(result.refused)}`);
        continue;
      }
      this.probes.push(result.attachment.probe);
      if (!this.attachedAt.has(file.statKey)) this.attachedAt.set(file.statKey, time);
    }
  }

  /** Attaches to what has begun, and remembers what of it was too late. */
  private follow(executions: Executions, ran: readonly Execution[]): void {
    const used: { readonly path: string; readonly key: string; readonly time: number }[] = [];
    const found: Match[] = [];
    for (const execution of ran) {
      for (const { path, key } of executions.filesOf(execution)) {
        const matches = this.executed.has(key) ? [] : this.discovery.findIn(path);
        this.executed.add(key);
        // What is over is not worth it, but worth a word.
        if (this.stopped && matches.length > 0) this.attachedAt.set(key, Number.POSITIVE_INFINITY);
        else found.push(...matches);
        used.push({ path, key, time: execution.time });
      }
    }
    this.attachAll(found);
    for (const { path, key, time } of used) {
      const by = (this.attachedAt.get(key) ?? 0) - time;
      const pattern = by > 0 ? this.discovery.patternFor(path) : undefined;
      if (pattern !== undefined && !this.ahead.has(path)) this.ahead.set(path, { by, pattern });
    }
  }

  /** By the clock of the events. */
  private now(): number {
    return Number(process.hrtime.bigint() - this.epoch);
  }

  /** Files that could not be read, or not as a whole. */
  private tellUnread(): void {
    for (const problem of this.discovery.newProblems()) this.problems.push(problem);
  }

  private checkWhere(): void {
    if (!this.where || this.probes.length === 0) return;
    const most = Math.max(...this.probes.map((probe) => probe.arguments.length));
    const missing = whereArguments(this.where).find((argument) => argument >= most);
    if (missing !== undefined) {
      throw new UsageError(
        `--where: no matching probe has an arg${missing}: they have at most ${most} arguments`,
      );
    }
  }

  private watch(): void {
    if (this.options.rescan === 0 || this.options.files) return;
    for (const folder of imageFolders()) {
      try {
        // A program publishes its image just before it maps it.
        const watcher = fs.watch(folder, { persistent: false }, () => this.rescan());
        watcher.on('error', () => {});
        this.watchers.push(watcher);
      } catch {
        // No such folder, yet: the regular looks will find it.
      }
    }
    this.nextRescan = milliseconds() + this.interval();
  }

  private interval(): number {
    return this.options.rescan ?? (this.options.tree ? RESCAN_TREE : RESCAN);
  }

  private lookForMore(): void {
    if (this.stopped || this.options.rescan === 0 || this.options.files || milliseconds() < this.nextRescan)
      return;
    this.attachAll(this.discovery.find());
    this.tellUnread();
    this.lastRescan = milliseconds();
    this.nextRescan = milliseconds() + this.interval();
  }

  /** @param all do not hold anything back: nothing more will come. @returns how many events there were. */
  private read(all: boolean, visit: RecordVisitor): number {
    const { reader, attachedEvents, records, threads, executions } = this;
    const now = this.now();
    const ran: Execution[] = [];
    const add = (cpu: number, time: number, start: number, end: number): void => {
      if (reader.view.getUint16(start, true) !== executions?.id) {
        records.add(cpu, time, start, end);
        return;
      }
      const execution = executions.decode(reader.bytes, reader.view, start, time);
      threads.executed(execution.tid, execution.path);
      ran.push(execution);
    };
    const complete = reader.drain(PAGES_PER_ROUND, add, this.held);
    if (executions && ran.length > 0) this.follow(executions, ran);
    this.behind = complete !== Number.POSITIVE_INFINITY;

    const { bytes, view } = reader;
    const count = records.arrange(all ? complete : Math.min(now, complete));
    let visited = 0;
    records.visit(count, (cpu, time, start) => {
      const attached = attachedEvents.get(view.getUint16(start, true));
      if (attached === undefined) return;
      const { numberAt } = attached;
      const attachment =
        attached.attachments[numberAt === undefined ? 0 : view.getUint16(start + numberAt, true)]!;
      // struct trace_entry: type 2, flags 1, preempt_count 1, pid 4.
      const thread = threads.lookup(view.getInt32(start + 4, true), time);
      if (this.pids !== undefined && !this.pids.has(thread.pid)) return;
      const { rest } = attachment;
      if (rest !== undefined && !evaluate(rest, eventOf(attachment, time, cpu, thread, bytes, view, start)))
        return;
      visit(attachment, time, cpu, thread, bytes, view, start);
      visited++;
    });
    this.held = records.remove(count, bytes);
    return visited;
  }
}

function eventOf(
  { probe, readers }: RecordLayout,
  time: number,
  cpu: number,
  { pid, tid, comm, thread }: ThreadInfo,
  bytes: Buffer,
  view: DataView,
  start: number,
): TraceEvent {
  const args: ArgumentValue[] = new Array(readers.length);
  for (let i = 0; i < readers.length; i++) args[i] = readers[i]!(bytes, view, start);
  return { time, cpu, pid, tid, comm, thread, probe, args };
}

function threadsOf(pid: number): number[] {
  try {
    return fs.readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [pid];
  }
}

function messageOf(error: unknown): string {
  // The system's own errors have paths in them.
  const isOurs = error instanceof CommandError || error instanceof OtherFileError;
  return isOurs ? error.message : shown(String(error), SENTENCE_MAX);
}

function safely<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
