/**
 * Pages of the kernel's ring buffer, as `per_cpu/cpuN/trace_pipe_raw` gives them.
 *
 * A page begins with a header that `events/header_page` describes: the time of the first record, and how many bytes of
 * records follow (`commit`), with two flags: that records were lost before this page, and that their number is
 * stored behind the records. Each record begins with a word: 5 bits of type or length, 27 bits of nanoseconds since
 * the record before. https://docs.kernel.org/trace/ring-buffer-design.html, include/linux/ring_buffer.h,
 * kernel/trace/ring_buffer.c
 *
 *     type_len  0        array[0] = 4 + length of the data that follows it
 *               1..28    data of type_len * 4 bytes
 *               29       padding: to the end of the page, or (time_delta not 0) of array[0] bytes: a dropped record
 *               30       time extend: array[0] << 27 more nanoseconds
 *               31       time stamp: array[0] << 27 | time_delta is the time itself (59 bits)
 */

import { parseFields } from '../../../tracefs/format.ts';

export interface PageLayout {
  readonly timestamp: number;
  readonly commit: number;
  readonly data: number;
  /** Bytes of a page, header included. */
  readonly size: number;
}

const RB_MISSED_EVENTS = 0x8000_0000;
const RB_MISSED_STORED = 0x4000_0000;
const COMMIT_MASK = 0x3fff_ffff;
const PADDING = 29;
const TIME_EXTEND = 30;
const TIME_STAMP = 31;
/** 27 bits of time_delta. */
const TIME_UNIT = 0x800_0000;
/** A time stamp has 59 bits; the others are those of the page. */
const TIME_STAMP_MASK = (1n << 59n) - 1n;

/** From the text of `events/header_page`. @throws TypeError for a layout without its fields. */
export function parsePageLayout(text: string): PageLayout {
  const fields = parseFields(text);
  const timestamp = fields.get('timestamp');
  const commit = fields.get('commit');
  const data = fields.get('data');
  if (!timestamp || !commit || !data) throw new TypeError('header_page lacks a field');
  return {
    timestamp: timestamp.offset,
    commit: commit.offset,
    data: data.offset,
    size: data.offset + data.size,
  };
}

/** Lost records whose number the kernel did not say. */
export const LOST_UNKNOWN = -1;

/** Called for each record. @param time nanoseconds since the epoch given. @param start, end the data, in the page's array. */
export type RecordHandler = (time: number, start: number, end: number) => void;

/**
 * Goes through the records of one page.
 * @param view the page is at `start` of it.
 * @param epoch a time of the same clock; times are given relative to it, exact within 104 days of it.
 * @returns how many records were lost before this page, or LOST_UNKNOWN for "some".
 * @throws RangeError for a record that does not end in the page.
 */
export function readPage(
  view: DataView,
  start: number,
  layout: PageLayout,
  epoch: bigint,
  onRecord: RecordHandler,
): number {
  const timestamp = view.getBigUint64(start + layout.timestamp, true);
  const commit = view.getUint32(start + layout.commit, true);
  const length = commit & COMMIT_MASK;
  const first = start + layout.data;
  const end = first + length;
  if (end > start + layout.size || end > view.byteLength)
    throw new RangeError(`a page with ${length} bytes of records`);
  let time = Number(timestamp - epoch);
  for (let at = first; at + 4 <= end; ) {
    const word = view.getUint32(at, true);
    const type = word & 31;
    const delta = word >>> 5;
    at += 4;
    if (type <= 28) {
      time += delta;
      let from = at;
      let next = at + type * 4;
      if (type === 0) {
        if (at + 4 > end) throw new RangeError('a record without its length');
        const size = view.getUint32(at, true);
        from = at + 4;
        next = at + Math.ceil(size / 4) * 4;
        if (size < 4 || next > end)
          throw new RangeError(`a record of ${size} bytes does not fit into its page`);
      } else if (next > end) throw new RangeError(`a record of ${type * 4} bytes does not fit into its page`);
      onRecord(time, from, next);
      at = next;
    } else if (type === PADDING) {
      if (delta === 0) break;
      time += delta;
      if (at + 4 > end) break;
      const size = view.getUint32(at, true);
      if (size < 4) throw new RangeError(`padding of ${size} bytes`);
      at += size;
    } else {
      if (at + 4 > end) throw new RangeError('a time without its upper half');
      const upper = view.getUint32(at, true);
      at += 4;
      if (type === TIME_EXTEND) time += upper * TIME_UNIT + delta;
      else if (type === TIME_STAMP) {
        const stamp = (BigInt(upper) << 27n) | BigInt(delta);
        time = Number(((timestamp & ~TIME_STAMP_MASK) | stamp) - epoch);
      }
    }
  }
  if ((commit & RB_MISSED_EVENTS) === 0) return 0;
  if ((commit & RB_MISSED_STORED) === 0 || end + 8 > start + layout.size) return LOST_UNKNOWN;
  return Number(view.getBigUint64(end, true));
}
