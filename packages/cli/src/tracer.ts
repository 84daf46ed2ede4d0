/**
 * The tracer that all commands share: it attaches to the probes that match, and gives their events in batches.
 *
 *     const tracer = openTracer({ patterns: ['webapp:request-*'] });
 *     for await (const events of tracer) for (const { probe, args } of events) console.log(probe.name, args);
 *
 * It ends when `stop()` is called; `close()` removes everything from the kernel. The kernel's buffers hold what is not
 * read yet; what they can't hold is counted in `lost`.
 * @module
 */

import * as fs from 'node:fs';
import { type Attachment, attach, type TracedProbe } from './attach.ts';
import { Discovery, type DiscoveryOptions, imageFolders, type Match } from './catalogue/discovery.ts';
import { OtherFileError } from './catalogue/open-file.ts';
import { probeTitle } from './catalogue/probe.ts';
import { CommandError, FailureError, systemCode, UsageError } from './errors.ts';
import { type Execution, Executions } from './executions.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { requireMachinePids } from './pid-namespace.ts';
import type { ArgumentValue } from './ringbuffer/decoder.ts';
import { parsePageLayout } from './ringbuffer/page.ts';
import { RingBufferReader } from './ringbuffer/reader.ts';
import { shellWord } from './shell.ts';
import { SENTENCE_MAX, shown } from './text.ts';
import { ThreadTable } from './threads.ts';
import { createInstance, type Instance, removeLeftovers } from './tracefs/instance.ts';
import { openTracefs } from './tracefs/tracefs.ts';
import { parseTypeOverride } from './types.ts';
import { evaluate, parseWhere, type Where, whereArguments } from './where.ts';

export type { TracedArgument, TracedProbe } from './attach.ts';
export type { ArgumentValue } from './ringbuffer/decoder.ts';

export interface TraceEvent {
  /** Nanoseconds since `Tracer.epoch`. */
  readonly time: number;
  readonly cpu: number;
  readonly pid: number;
  readonly tid: number;
  /** The process' name: as of threads.ts. */
  readonly comm: string;
  /** The thread's own name. */
  readonly thread: string;
  readonly probe: TracedProbe;
  readonly args: readonly ArgumentValue[];
}

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

export interface Tracer extends AsyncIterable<readonly TraceEvent[]> {
  /** Time zero of the events, on the monotonic clock (`process.hrtime`), in nanoseconds. */
  readonly epoch: bigint;
  /** The same moment in milliseconds since 1970. */
  readonly epochDate: number;
  /** What is traced so far; grows when programs with further matching probes start. */
  readonly probes: readonly TracedProbe[];
  /** Probes that could not be attached or may stay silent, and files that could not be read: one sentence each. */
  readonly problems: readonly string[];
  /** Events that the kernel had no room for. */
  readonly lost: number;
  /** Programs of the tree that began before their probes were attached: one sentence for each file. */
  readonly missed: readonly string[];
  /** Looks for new files with matching probes at once. */
  rescan(): void;
  /** No more events are recorded; the iteration ends when those that were are delivered. */
  stop(): void;
  /** Removes everything from the kernel. */
  close(): void;
}

/** Waiting between reads, in milliseconds: short while events come, longer when they don't. */
const POLL_MIN = 10;
const POLL_MAX = 40;
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
export function openTracer(options: TracerOptions): Tracer {
  return new KernelTracer(options);
}

class KernelTracer implements Tracer {
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
  private readonly attachments = new Map<number, Attachment>();
  /** When the probes of a file were attached, by its `statKey`. */
  private readonly attachedAt = new Map<string, number>();
  /** Of the tree. */
  private executions: Executions | undefined;
  private readonly executed = new Set<string>();
  /** Files, with the time by which the first use of them was ahead of their probes, in nanoseconds. */
  private readonly ahead = new Map<string, { readonly by: number; readonly pattern: string }>();
  private readonly watchers: fs.FSWatcher[] = [];
  /** Read, but newer than what other processors may still deliver. */
  private held: TraceEvent[] = [];
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
    removeLeftovers(tracefs);

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
    if (performance.now() >= this.nextRescan) this.wake?.();
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
    let wait = POLL_MIN;
    while (!this.closed) {
      const last = this.stopped;
      this.lookForMore();
      const events = this.read(last);
      if (events.length > 0) {
        wait = POLL_MIN;
        yield events;
      } else if (last) return;
      else wait = Math.min(wait * 1.5, POLL_MAX);
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
    if (!instance.tryWrite('buffer_size_kb', String(kb)) && options.bufferKb !== undefined) {
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
    const attached: Attachment[] = [];
    const files = new Set<string>();
    for (const match of matches) {
      const { file, site } = match;
      if (site.untraceable !== undefined) {
        this.problems.push(
          `${shown(probeTitle(site))} in ${shown(file.path)} can't be traced: ${site.untraceable}`,
        );
        continue;
      }
      if (site.enabledAddresses.length > 0) {
        const silent = `${shown(probeTitle(site))} in ${shown(file.path)} may stay silent: before it fires, the program asks whether DTrace has enabled it`;
        if (!this.problems.includes(silent)) this.problems.push(silent);
      }
      try {
        const attachment = attach(this.instance, match, this.probes.length, this.overrides, this.where);
        this.attachments.set(attachment.id, attachment);
        this.probes.push(attachment.probe);
        attached.push(attachment);
        files.add(file.statKey);
      } catch (error) {
        this.problems.push(`${shown(probeTitle(site))} in ${shown(file.path)}: ${messageOf(error)}`);
      }
    }
    if (attached.length > 0) this.enable(attached);
    const time = this.now();
    for (const key of files) if (!this.attachedAt.has(key)) this.attachedAt.set(key, time);
  }

  /** Attaches to what has begun, and remembers what of it was too late. */
  private follow(executions: Executions, ran: readonly Execution[]): void {
    for (const execution of ran) {
      for (const { path, key } of executions.filesOf(execution)) {
        const matches = this.executed.has(key) ? [] : this.discovery.findIn(path);
        this.executed.add(key);
        // What is over is not worth it, but worth a word.
        if (this.stopped && matches.length > 0) this.attachedAt.set(key, Number.POSITIVE_INFINITY);
        else this.attachAll(matches);
        const by = (this.attachedAt.get(key) ?? 0) - execution.time;
        const pattern = by > 0 ? this.discovery.patternFor(path) : undefined;
        if (pattern !== undefined && !this.ahead.has(path)) this.ahead.set(path, { by, pattern });
      }
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

  private enable(attached: readonly Attachment[]): void {
    const { instance } = this;
    // All at once is much faster; if one is refused, one by one tells which.
    if (attached.length === this.attachments.size && instance.tryWrite(`events/${instance.name}/enable`, '1'))
      return;
    for (const { event, id, probe } of attached) {
      try {
        instance.write(`events/${instance.name}/${event}/enable`, '1');
      } catch (error) {
        this.attachments.delete(id);
        this.probes.splice(this.probes.indexOf(probe), 1);
        this.problems.push(
          `${shown(probeTitle(probe))} in ${shown(probe.file)}: the kernel can't attach there (${systemCode(error)})`,
        );
      }
    }
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
    this.nextRescan = performance.now() + this.interval();
  }

  private interval(): number {
    return this.options.rescan ?? (this.options.tree ? RESCAN_TREE : RESCAN);
  }

  private lookForMore(): void {
    if (
      this.stopped ||
      this.options.rescan === 0 ||
      this.options.files ||
      performance.now() < this.nextRescan
    )
      return;
    this.attachAll(this.discovery.find());
    this.tellUnread();
    this.lastRescan = performance.now();
    this.nextRescan = performance.now() + this.interval();
  }

  /** @param all do not hold anything back: nothing more will come. */
  private read(all: boolean): readonly TraceEvent[] {
    const { reader, attachments, threads, pids, executions } = this;
    const { bytes, view } = reader;
    const now = this.now();
    const events = this.held;
    const ran: Execution[] = [];
    const complete = reader.drain(PAGES_PER_ROUND, (cpu, time, start) => {
      const type = view.getUint16(start, true);
      const attachment = attachments.get(type);
      if (attachment === undefined) {
        if (type !== executions?.id) return;
        const execution = executions.decode(bytes, view, start, time);
        threads.executed(execution.tid, execution.path);
        ran.push(execution);
        return;
      }
      const { probe, readers, rest } = attachment;
      const args: ArgumentValue[] = new Array(readers.length);
      for (let i = 0; i < readers.length; i++) args[i] = readers[i]!(bytes, view, start);
      // struct trace_entry: type 2, flags 1, preempt_count 1, pid 4.
      const { pid, tid, comm, thread } = threads.lookup(view.getInt32(start + 4, true), time);
      if (pids !== undefined && !pids.has(pid)) return;
      const event = { time, cpu, pid, tid, comm, thread, probe, args };
      if (rest !== undefined && !evaluate(rest, event)) return;
      events.push(event);
    });
    if (executions && ran.length > 0) this.follow(executions, ran);
    this.behind = complete !== Number.POSITIVE_INFINITY;
    events.sort((a, b) => a.time - b.time);
    const limit = all ? complete : Math.min(now, complete);
    let end = events.length;
    while (end > 0 && events[end - 1]!.time > limit) end--;
    this.held = events.splice(end);
    return events;
  }
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
