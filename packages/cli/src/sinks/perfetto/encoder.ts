/**
 * Events -> a trace in Chrome's Trace Event Format, which Perfetto, chrome://tracing and others open.
 *
 * Spans become slices. A span that is told by its thread nests, and is a complete event on the thread's track
 * (`X`); one that is told by an argument may overlap others of its kind, so that it is an asynchronous event (`b`, `e`)
 * of its process. Everything else is an instant (`i`). Slices are written when they end: readers sort by time.
 *
 * The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 * What Perfetto makes of it: https://perfetto.dev/docs/getting-started/other-formats#chrome-json-format
 */

import { probeTitle } from '../../catalogue/probe.ts';
import type { ArgumentValue, TracedArgument, TraceEvent } from '../../sources/source.ts';
import type { Span } from '../../spans/stage.ts';
import { jsonValue, quoted } from '../../text.ts';

/** Names are told again when there are more threads than this: they are not kept forever. */
const THREADS_MAX = 50_000;

/** Of more processes, those that have no slice open are forgotten: processes come and go. */
const PROCESSES_KEPT = 1000;

/** Gives the text of the events of a trace, each followed by a comma and a line end. */
export class TraceEncoder {
  slices = 0;
  instants = 0;
  /** Slices that have no end. */
  unfinished = 0;
  /** Of the spans that have begun, by their slots. */
  private readonly laneOf: Lane[] = [];
  /** By title, then by process. */
  private readonly lanes = new Map<string, Map<number, Lanes>>();
  /** By thread, what nests on it and has begun. */
  private readonly open = new Map<number, Span[]>();
  private readonly threads = new Map<number, string>();
  private readonly processes = new Set<number>();
  /** Whose names were looked at last. */
  private current: TraceEvent | undefined;

  /** @returns what there is to write of an event now: nothing if it has to do with a span. */
  event(event: TraceEvent, spanned: boolean): string {
    const names = this.names(event);
    return spanned ? names : names + this.instant(event);
  }

  /** @returns what there is to write of a span now: nothing for its start. */
  span(span: Span): string {
    switch (span.state) {
      case 'started':
        this.begin(span);
        return this.names(span.start);
      case 'done':
        return this.names(span.done!) + this.slice(span, span.done!);
      case 'evicted':
        // A start that will not have an end is still an event.
        this.leave(span, this.laneOf[span.slot]!);
        return this.instant(span.start);
      case 'unfinished':
        return this.rest(span);
    }
  }

  /** An instant across the whole trace. @param time in nanoseconds. */
  note(name: string, time: number): string {
    return `{"ph":"i","ts":${microseconds(time)},"pid":0,"tid":0,"name":${quoted(name)},"cat":"usdt","s":"g"},\n`;
  }

  private begin(span: Span): void {
    const { spec, start } = span;
    let byProcess = this.lanes.get(spec.title);
    if (byProcess === undefined) {
      byProcess = new Map();
      this.lanes.set(spec.title, byProcess);
    }
    let lanes = byProcess.get(start.pid);
    if (lanes === undefined) {
      lanes = new Lanes(byProcess);
      byProcess.set(start.pid, lanes);
    }
    this.laneOf[span.slot] = lanes.take();
    if (!spec.byThread) return;
    const open = this.open.get(start.tid);
    if (open === undefined) this.open.set(start.tid, [span]);
    else open.push(span);
  }

  /** It ends no more: its lane and its place on the thread are free. @returns whether nothing on its thread is within it. */
  private leave(span: Span, lane: Lane): boolean {
    const { pid, tid } = span.start;
    lane.lanes.release(lane, pid);
    if (!span.spec.byThread) return false;
    const open = this.open.get(tid)!;
    const innermost = open.at(-1) === span;
    if (innermost) open.pop();
    else open.splice(open.lastIndexOf(span), 1);
    if (open.length === 0) this.open.delete(tid);
    return innermost;
  }

  private slice(span: Span, done: TraceEvent): string {
    this.slices++;
    const { spec, start } = span;
    const lane = this.laneOf[span.slot]!;
    const head = common(start, spec.title);
    const args = `"args":{"start":${argumentsOf(start)},"done":${argumentsOf(done)}}`;
    // What does not nest after all, as programs that switch between tasks do, can't be on the thread's track.
    if (this.leave(span, lane))
      return `{"ph":"X",${head},"dur":${microseconds(done.time - start.time)},${args}},\n`;
    const { id } = lane;
    return `{"ph":"b",${head},${id},${args}},\n{"ph":"e",${common(done, spec.title)},${id}},\n`;
  }

  /** What began and has not ended, at the end of the trace. */
  private rest(span: Span): string {
    this.unfinished++;
    const { spec, start } = span;
    const head = common(start, spec.title);
    const args = `"args":{"start":${argumentsOf(start)}}`;
    return spec.byThread
      ? `{"ph":"B",${head},${args}},\n`
      : `{"ph":"b",${head},${this.laneOf[span.slot]!.id},${args}},\n`;
  }

  private instant(event: TraceEvent): string {
    this.instants++;
    return `{"ph":"i",${common(event, probeTitle(event.probe))},"s":"t","args":${argumentsOf(event)}},\n`;
  }

  /** Tells the names of a process and a thread when they are first seen, and when they have others. */
  private names(event: TraceEvent): string {
    if (event === this.current) return '';
    this.current = event;
    const { pid, tid, comm, thread } = event;
    if (this.threads.get(tid) === thread) return '';
    let text = '';
    if (this.threads.size >= THREADS_MAX) {
      this.threads.clear();
      this.processes.clear();
    }
    if (!this.processes.has(pid) || pid === tid) {
      if (comm !== '') text += nameLine('process_name', pid, pid, comm);
      this.processes.add(pid);
    }
    this.threads.set(tid, thread);
    if (thread !== '') text += nameLine('thread_name', pid, tid, thread);
    return text;
  }
}

/** Where an asynchronous slice is: those that are there at the same time are in different ones. */
interface Lane {
  /** Its number within the process, as it is written: made once, since what is written often should be one string. */
  readonly id: string;
  readonly lanes: Lanes;
}

function idOf(number: number): string {
  return `"id2":{"local":"0x${number.toString(16)}"}`;
}

/** Those of one title in one process. What is free again is taken first, so that there are only as many as overlap. */
class Lanes {
  private readonly byProcess: Map<number, Lanes>;
  private readonly free: Lane[] = [];
  private made = 0;

  constructor(byProcess: Map<number, Lanes>) {
    this.byProcess = byProcess;
  }

  take(): Lane {
    return this.free.pop() ?? { id: idOf(this.made++), lanes: this };
  }

  release(lane: Lane, pid: number): void {
    this.free.push(lane);
    if (this.free.length < this.made) return;
    // None is taken: they begin anew with the first.
    if (this.made > 1) {
      this.free.length = 0;
      this.made = 0;
    }
    if (this.byProcess.size > PROCESSES_KEPT) this.byProcess.delete(pid);
  }
}

function nameLine(what: string, pid: number, tid: number, name: string): string {
  return `{"ph":"M","name":"${what}","pid":${pid},"tid":${tid},"args":{"name":${quoted(name)}}},\n`;
}

/** The members that all events have. */
function common({ time, pid, tid, probe }: TraceEvent, name: string): string {
  return `"ts":${microseconds(time)},"pid":${pid},"tid":${tid},"name":${quotedName(name)},"cat":${quotedName(probe.provider)}`;
}

/** Names of probes are few, and written often. */
const quotedNames = new Map<string, string>();

function quotedName(name: string): string {
  let text = quotedNames.get(name);
  if (text === undefined) {
    text = quoted(name);
    quotedNames.set(name, text);
  }
  return text;
}

/** Nanoseconds as microseconds with three decimals, in which no nanosecond is lost. */
export function microseconds(nanoseconds: number): string {
  const whole = Math.abs(nanoseconds);
  const text = `${Math.floor(whole / 1000)}.${String(whole % 1000).padStart(3, '0')}`;
  return nanoseconds < 0 ? `-${text}` : text;
}

/** Arguments by name, as `usdt trace --json` has them. */
function argumentsOf({ args, probe }: TraceEvent): string {
  let text = '';
  for (let i = 0; i < probe.arguments.length; i++)
    text += `${i === 0 ? '' : ','}"arg${i}":${argumentValue(args[i], probe.arguments[i]!)}`;
  return `{${text}}`;
}

function argumentValue(value: ArgumentValue, { kind, problem }: TracedArgument): string {
  if (problem !== undefined) return quoted(`<not expressible: ${problem}>`);
  if (value !== undefined && kind === 'pointer')
    return `"0x${BigInt.asUintN(64, BigInt(value)).toString(16)}"`;
  const json = jsonValue(value);
  return typeof json === 'string' ? quoted(json) : String(json);
}
