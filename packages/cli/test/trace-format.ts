/**
 * What the Trace Event Format asks of a trace, and what Chrome DevTools' own trace engine reads of one.
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
import assert from 'node:assert/strict';
import * as Trace from '@paulirish/trace_engine/models/trace/trace.js';

export interface JsonEvent {
  readonly ph: string;
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly s?: string;
  readonly id2?: { readonly local: string };
  // biome-ignore lint/suspicious/noExplicitAny: whatever the program's arguments are
  readonly args?: any;
}

export interface JsonTrace {
  readonly displayTimeUnit: string;
  readonly traceEvents: JsonEvent[];
  readonly otherData: Record<string, unknown>;
}

/** @throws AssertionError for what a viewer could misunderstand. */
export function checkFormat({ traceEvents, displayTimeUnit }: JsonTrace): void {
  assert.equal(displayTimeUnit, 'ns');
  const lanes = new Map<string, JsonEvent[]>();
  const threads = new Map<number, JsonEvent[]>();
  for (const event of traceEvents) {
    const text = JSON.stringify(event);
    assert.match(event.ph, /^[XBbeiM]$/, text);
    assert.ok(Number.isInteger(event.pid) && Number.isInteger(event.tid), text);
    assert.ok(typeof event.name === 'string' && event.name !== '', text);
    if (event.ph === 'M') {
      assert.match(event.name, /^(process|thread)_name$/);
      assert.ok(typeof event.args.name === 'string' && event.args.name !== '', text);
      continue;
    }
    assert.ok(Number.isFinite(event.ts) && typeof event.cat === 'string', text);
    if (event.ph === 'i') assert.match(event.s!, /^[tg]$/);
    if (event.ph === 'X') {
      assert.ok(event.dur! >= 0, text);
      push(threads, event.tid, event);
    }
    if (event.ph === 'b' || event.ph === 'e') {
      assert.match(event.id2!.local, /^0x[0-9a-f]+$/);
      push(lanes, `${event.pid} ${event.cat} ${event.name} ${event.id2!.local}`, event);
    }
  }
  for (const [lane, events] of lanes) {
    const phases = [...events].sort((a, b) => a.ts - b.ts).map(({ ph }) => ph);
    assert.match(phases.join(''), /^(be)*b?$/, `${lane}: slices with the same id overlap`);
  }
  for (const events of threads.values()) {
    // Complete events of a thread are within each other or apart.
    const ends: number[] = [];
    for (const { ts, dur } of [...events].sort((a, b) => a.ts - b.ts || b.dur! - a.dur!)) {
      while (ends.length > 0 && nano(ends.at(-1)!) <= nano(ts)) ends.pop();
      const end = ts + dur!;
      if (ends.length > 0) assert.ok(nano(end) <= nano(ends.at(-1)!), `${ts}+${dur} leaves what it is in`);
      ends.push(end);
    }
  }
}

/** Microseconds with decimals, added up, as whole nanoseconds. */
function nano(microseconds: number): number {
  return Math.round(microseconds * 1000);
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}

export interface ReadTrace {
  /** Name, start and duration in microseconds, and how deep in others. */
  readonly threadSlices: {
    tid: number;
    thread: string;
    name: string;
    ts: number;
    dur: number;
    depth: number;
  }[];
  readonly asyncSlices: { name: string; ts: number; dur: number; args: unknown }[];
  readonly processes: Map<number, string>;
}

interface EngineNode {
  readonly entry: { readonly name: string; readonly ts: number; readonly dur?: number };
  readonly depth: number;
  readonly children: EngineNode[];
}

/** Reads it with the trace engine of Chrome DevTools. */
export async function readTrace({ traceEvents }: JsonTrace): Promise<ReadTrace> {
  // It runs in browsers, where this is.
  const globals = globalThis as { DOMRect?: unknown };
  globals.DOMRect ??= class {};
  const model = Trace.TraceModel.Model.createWithAllHandlers();
  // The engine sorts what it is given.
  await model.parse([...traceEvents] as never);
  const data = model.parsedTrace()!.data as never as {
    Meta: { traceIsGeneric: boolean; processNames: Map<number, { args: { name: string } }> };
    Renderer: {
      processes: Map<number, { threads: Map<number, { name: string; tree?: { roots: Set<EngineNode> } }> }>;
    };
  };
  assert.ok(data.Meta.traceIsGeneric, 'not a trace of a browser');
  const threadSlices: ReadTrace['threadSlices'] = [];
  for (const { threads } of data.Renderer.processes.values()) {
    for (const [tid, { name: thread, tree }] of threads) {
      const visit = ({ entry, depth, children }: EngineNode): void => {
        // An instant has no duration.
        if (entry.dur)
          threadSlices.push({ tid, thread, name: entry.name, ts: entry.ts, dur: entry.dur, depth });
        for (const child of children) visit(child);
      };
      for (const root of tree?.roots ?? []) visit(root);
    }
  }
  const unpaired = traceEvents.filter(({ ph }) => ph === 'b' || ph === 'e').sort((a, b) => a.ts - b.ts);
  const paired = Trace.Helpers.Trace.createMatchedSortedSyntheticEvents(unpaired as never) as never as {
    name: string;
    ts: number;
    dur: number;
    args: { data: { beginEvent: { args: unknown } } };
  }[];
  return {
    threadSlices,
    asyncSlices: paired.map(({ name, ts, dur, args }) => ({
      name,
      ts,
      dur,
      args: args.data.beginEvent.args,
    })),
    processes: new Map([...data.Meta.processNames].map(([pid, { args }]) => [pid, args.name])),
  };
}
