/**
 * The lines of `usdt trace`, as bytes: what is the same for all events of a probe or of a thread is made once, and text
 * that needs no escape is copied from the record as it is. A line is written a hundred thousand times a second: to make it
 * of strings took three times as long.
 */

import { probeTitle } from '../../catalogue/probe.ts';
import { cyan, dim } from '../../colours.ts';
import { Clock, formatValue } from '../../output.ts';
import {
  type ArgumentReader,
  FAULT,
  type RecordLayout,
  type ThreadInfo,
  textLength,
  textStart,
} from '../../sources/record.ts';
import type { TracedArgument } from '../../sources/source.ts';
import { shown } from '../../text.ts';
import { ByteWriter } from './byte-writer.ts';

type ValueWriter = (bytes: Buffer, view: DataView, start: number) => void;

/** How to write the lines of a probe. */
interface Line {
  /** What stands before the first value, or all if there are none. */
  readonly head: Uint8Array;
  readonly values: readonly ValueWriter[];
}

/** Columns of process and thread. */
const WHO_WIDTH = 20;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const [DIM, UNDIM] = dim('|')
  .split('|')
  .map((text) => Buffer.from(text)) as [Buffer, Buffer];

/** Bytes of text that are shown as they are. */
const IN_JSON = byteSet((character) => character >= ' ' && character <= '~');
const IN_QUOTES = byteSet(
  (character) => IN_JSON[character.charCodeAt(0)] === 1 && !'"\\'.includes(character),
);

function byteSet(has: (character: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(byte < 0x80 && has(String.fromCharCode(byte))));
}

export class LineWriter {
  private readonly out = new ByteWriter();
  private readonly clock: Clock;
  private readonly lines = new WeakMap<RecordLayout, Line>();
  private second: string | undefined;
  /** The time up to the point. */
  private moment: Uint8Array = DIM;
  private readonly threads = new WeakMap<ThreadInfo, Uint8Array>();
  private thread: ThreadInfo | undefined;
  private who: Uint8Array = DIM;

  /** @param epochDate time zero of the events, in milliseconds since 1970. */
  constructor(epochDate: number) {
    this.clock = new Clock(epochDate);
  }

  /** The lines since the last call; valid until another is written. */
  take(): Uint8Array {
    return this.out.take();
  }

  /** Writes the line of an event, whose record is at `start`. */
  write(
    layout: RecordLayout,
    time: number,
    thread: ThreadInfo,
    bytes: Buffer,
    view: DataView,
    start: number,
  ): void {
    const { out, clock } = this;
    clock.set(time);
    if (clock.localSecond !== this.second) {
      this.second = clock.localSecond;
      this.moment = Buffer.concat([DIM, Buffer.from(clock.localSecond)]);
    }
    out.constant(this.moment);
    out.padded(Math.trunc(clock.nanoseconds / 1000), 6);
    if (thread !== this.thread) {
      this.thread = thread;
      this.who = this.whoIs(thread);
    }
    out.constant(this.who);
    const line = this.lines.get(layout) ?? this.prepare(layout);
    out.constant(line.head);
    const { values } = line;
    for (let i = 0; i < values.length; i++) values[i]!(bytes, view, start);
    out.byte(NEWLINE);
  }

  private whoIs(info: ThreadInfo): Uint8Array {
    let known = this.threads.get(info);
    if (known === undefined) {
      const { pid, tid, comm, thread } = info;
      // A thread that has a name of its own is told by it.
      const name = thread === comm || tid === pid ? '' : ` ${shown(thread)}`;
      const who = `${shown(comm)} ${pid}${tid === pid ? '' : `/${tid}${name}`}`;
      known = Buffer.concat([UNDIM, Buffer.from(`  ${who.padEnd(WHO_WIDTH)} `)]);
      this.threads.set(info, known);
    }
    return known;
  }

  private prepare(layout: RecordLayout): Line {
    const { probe, readers, texts } = layout;
    const values: ValueWriter[] = [];
    let head = '';
    let before = `${cyan(shown(probeTitle(probe)))}  `;
    probe.arguments.forEach((type, index) => {
      before += `${index === 0 ? '' : ', '}${shown(type.name)} arg${index}=`;
      if (type.problem !== undefined) {
        before += formatValue(undefined, type);
        return;
      }
      if (values.length === 0) head = before;
      else values.push(this.constantWriter(before));
      before = '';
      values.push(this.valueWriter(type, readers[index]!, texts[index]!));
    });
    if (values.length === 0) head = before;
    else if (before !== '') values.push(this.constantWriter(before));
    const line = { head: Buffer.from(head), values };
    this.lines.set(layout, line);
    return line;
  }

  private constantWriter(text: string): ValueWriter {
    const { out } = this;
    const bytes = Buffer.from(text);
    return () => out.constant(bytes);
  }

  private valueWriter(type: TracedArgument, read: ArgumentReader, textField: number): ValueWriter {
    const { out } = this;
    const write: ValueWriter = (bytes, view, start) => out.text(formatValue(read(bytes, view, start), type));
    if (textField !== -1) {
      const [allowed, quote] = type.kind === 'json' ? [IN_JSON, undefined] : [IN_QUOTES, QUOTE];
      return (bytes, view, start) => {
        const location = view.getUint32(start + textField, true);
        const length = textLength(location);
        const from = textStart(location, start);
        if (length < 0 || length === FAULT.length || !out.copy(bytes, from, from + length, allowed, quote))
          write(bytes, view, start);
      };
    }
    if (type.kind !== 'integer') return write;
    return (bytes, view, start) => {
      const value = read(bytes, view, start);
      if (typeof value === 'number' && Number.isSafeInteger(value)) out.integer(value);
      else out.text(formatValue(value, type));
    };
  }
}
