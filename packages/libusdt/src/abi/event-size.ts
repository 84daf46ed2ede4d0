/**
 * How much text an event may have.
 *
 * The kernel's own tracer, which `usdt` and perf use, copies an event's arguments into one page of memory, and that into
 * a ring buffer whose records are shorter than a page. An event that is too long is dropped, and not counted as lost. The
 * first that is longer than a page makes the kernel warn in its log, which ends a machine that is set up to panic then;
 * Linux before 6.12 (without the fix of CVE-2024-50067) even writes behind that page.
 *
 * Of 4,096 bytes, the page's header takes 16, the record's own header 8, what all events begin with 16, and the
 * fixed parts of 32 arguments up to 256: 3,800 are left for texts. On Linux 6.18, 4,052 bytes of one text arrive where it
 * is the only argument, and not 4,053.
 * https://github.com/torvalds/linux/blob/master/kernel/trace/trace_uprobe.c (prepare_uprobe_buffer)
 * https://github.com/torvalds/linux/blob/master/kernel/trace/ring_buffer.c (max_data_size)
 */

/** Most bytes of all strings, JSON texts and buffers of one event, NULs included. */
export const EVENT_TEXT_BYTES = 3750;

/**
 * The limit that has to be set to each of these sizes so that their sum is at most `total`: small ones stay as they are,
 * and large ones share what is left.
 * @param sizes whose sum is larger.
 */
export function evenLimit(sizes: Uint32Array, total: number): number {
  const ascending = sizes.slice().sort();
  let left = total;
  let count = ascending.length;
  for (const size of ascending) {
    if (size * count > left) break;
    left -= size;
    count--;
  }
  return Math.floor(left / count);
}
