/**
 * Events -> a trace in Chrome's Trace Event Format, which Perfetto, chrome://tracing and others open.
 *
 * Pairs of probes become slices. A pair that is told by its thread nests, and is a complete event on the thread's track
 * (`X`); one that is told by an argument may overlap others of its kind, so that it is an asynchronous event (`b`, `e`)
 * of its process. Everything else is an instant (`i`). Slices are written when they end: readers sort by time.
 *
 * The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 * What Perfetto makes of it: https://perfetto.dev/docs/getting-started/other-formats#chrome-json-format
 * @module
 */

import { probeTitle } from '../catalogue/probe.ts';
import { fieldsKey } from '../fields.ts';
import { PairMatcher, PENDING_LIMIT } from '../pair-matcher.ts';
import type { Pair, Pairing } from '../pairs.ts';
import type { ArgumentValue } from '../ringbuffer/decoder.ts';
import { quoted } from '../text.ts';
import type { TracedArgument, TraceEvent } from '../tracer.ts';

export interface EncoderOptions {
  /** What becomes slices; kept up to date by the caller. */
  readonly pairing: Pairing;
  /** How many starts of a pair may wait for their end. */
  readonly limit?: number;
}

/** What was written so far. */
export interface TraceCounts {
  readonly slices: number;
  readonly instants: number;
  /** Slices that have no end. */
  readonly unfinished: number;
}

interface Begun {
  readonly event: TraceEvent;
  readonly pair: Pair;
  /** Asynchronous slices that are there at the same time have different ones. */
  readonly lane: number;
  readonly lanes: Lanes;
  /** Of what nests on this thread, where it began. */
  readonly open: Begun[] | undefined;
}

/** Names are told again when there are more threads than this: they are not kept forever. */
const THREADS_MAX = 50_000;

/** Gives the text of the events of a trace, each followed by a comma and a line end. */
export class TraceEncoder {
  slices = 0;
  instants = 0;
  unfinished = 0;
  private readonly options: EncoderOptions;
  private readonly matchers: PairMatcher<Begun>[] = [];
  /** By process and title. */
  private readonly lanes = new Map<string, Lanes>();
  private readonly open = new Map<number, Begun[]>();
  private readonly threads = new Map<number, string>();
  private readonly processes = new Set<number>();

  constructor(options: EncoderOptions) {
    this.options = options;
  }

  /** @returns what there is to write now: nothing for the start of a slice. */
  encode(event: TraceEvent): string {
    let text = this.names(event);
    const roles = this.options.pairing.rolesOf(event.probe);
    if (roles.length === 0) return text + this.instant(event);
    let used = false;
    // An end first: what ends and begins by the same event does not nest in itself.
    for (const { pair, side, fields } of roles) {
      if (side !== 'done') continue;
      const begun = this.matcher(pair).done(`${event.pid} ${fieldsKey(event, fields)}`);
      if (begun === undefined) continue;
      used = true;
      text += this.slice(begun, event);
    }
    for (const { pair, side, fields } of roles) {
      if (side !== 'start') continue;
      used = true;
      const key = `${event.pid} ${fieldsKey(event, fields)}`;
      const given = this.matcher(pair).start(key, this.begin(pair, event));
      // The last begun are on top of their thread's.
      for (let i = given.length - 1; i >= 0; i--) text += this.giveUp(given[i]!);
    }
    return used ? text : text + this.instant(event);
  }

  /** What began and has not ended: for the end of the trace. */
  *rest(): IterableIterator<string> {
    const waiting = this.matchers.flatMap((matcher) => [...(matcher?.waiting() ?? [])]);
    // Within each other, the outer first.
    for (const { event, pair, lane } of waiting.sort((a, b) => a.event.time - b.event.time)) {
      this.unfinished++;
      const tail = `"args":{"start":${argumentsOf(event)}}`;
      yield pair.byThread
        ? `{"ph":"B",${common(event, pair.title)},${tail}},\n`
        : `{"ph":"b",${common(event, pair.title)},${id(lane)},${tail}},\n`;
    }
  }

  /** Pairs of which both sides were seen, but never with the same key. */
  mismatched(): Pair[] {
    return this.options.pairing.pairs.filter(({ index }) => {
      const matcher = this.matchers[index];
      return (
        matcher && matcher.matched === 0 && matcher.unmatched > 0 && matcher.pending + matcher.replaced > 0
      );
    });
  }

  /** An instant across the whole trace. @param time in nanoseconds. */
  note(name: string, time: number): string {
    return `{"ph":"i","ts":${microseconds(time)},"pid":0,"tid":0,"name":${quoted(name)},"cat":"usdt","s":"g"},\n`;
  }

  private matcher(pair: Pair): PairMatcher<Begun> {
    const { limit = PENDING_LIMIT } = this.options;
    this.matchers[pair.index] ??= new PairMatcher({ nested: pair.byThread, limit });
    return this.matchers[pair.index]!;
  }

  private begin(pair: Pair, event: TraceEvent): Begun {
    const key = laneKey(event, pair);
    let lanes = this.lanes.get(key);
    if (lanes === undefined) {
      lanes = new Lanes();
      this.lanes.set(key, lanes);
    }
    let open: Begun[] | undefined;
    if (pair.byThread) {
      open = this.open.get(event.tid);
      if (open === undefined) {
        open = [];
        this.open.set(event.tid, open);
      }
    }
    const begun = { event, pair, lane: lanes.take(), lanes, open };
    open?.push(begun);
    return begun;
  }

  /** It ends no more: its lane and its place on the thread are free. @returns whether nothing is within it. */
  private leave(begun: Begun): boolean {
    if (begun.lanes.release(begun.lane)) this.lanes.delete(laneKey(begun.event, begun.pair));
    const { open } = begun;
    if (open === undefined) return false;
    const top = open.at(-1) === begun;
    open.splice(open.lastIndexOf(begun), 1);
    if (open.length === 0) this.open.delete(begun.event.tid);
    return top;
  }

  private slice(begun: Begun, end: TraceEvent): string {
    this.slices++;
    const { event, pair, lane } = begun;
    const head = common(event, pair.title);
    const args = `"args":{"start":${argumentsOf(event)},"done":${argumentsOf(end)}}`;
    // What does not nest after all, as programs that switch between tasks do, can't be on the thread's track.
    if (this.leave(begun))
      return `{"ph":"X",${head},"dur":${microseconds(end.time - event.time)},${args}},\n`;
    return `{"ph":"b",${head},${id(lane)},${args}},\n{"ph":"e",${common(end, pair.title)},${id(lane)}},\n`;
  }

  /** A start that will not have an end is still an event. */
  private giveUp(begun: Begun): string {
    this.leave(begun);
    return this.instant(begun.event);
  }

  private instant(event: TraceEvent): string {
    this.instants++;
    return `{"ph":"i",${common(event, probeTitle(event.probe))},"s":"t","args":${argumentsOf(event)}},\n`;
  }

  /** Tells the names of a process and a thread when they are first seen, and when they have others. */
  private names({ pid, tid, comm, thread }: TraceEvent): string {
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

/** Numbers that are free again are taken first, so that there are only as many as overlap. */
class Lanes {
  private readonly free: number[] = [];
  private next = 0;

  take(): number {
    return this.free.pop() ?? this.next++;
  }

  /** @returns whether none is taken. */
  release(lane: number): boolean {
    this.free.push(lane);
    return this.free.length === this.next;
  }
}

function laneKey({ pid }: TraceEvent, { title }: Pair): string {
  return `${pid} ${title}`;
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

/** The number of a lane counts within its process. */
function id(lane: number): string {
  return `"id2":{"local":"0x${lane.toString(16)}"}`;
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
  if (value === undefined) return 'null';
  if (kind === 'pointer') return `"0x${BigInt.asUintN(64, BigInt(value)).toString(16)}"`;
  // JSON has no integers beyond 2^53 that all readers take as such, and no infinity.
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return `"${value}"`;
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value);
}
