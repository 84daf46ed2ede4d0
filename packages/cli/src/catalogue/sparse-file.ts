/**
 * Reads of an object file only what tells of its probes: a program of 100 MB has its notes in a few kilobytes.
 *
 * The readers of libusdt want the whole file as one array. So they get one: of the file's size, filled only where they
 * look. Memory that nobody touches is never allocated by the operating system, and the readers' checks all hold.
 */

import * as fs from 'node:fs';
import { LIMITS, mebibytes } from './limits.ts';

/** Files up to this size are read at once: it is quicker than looking for the parts. */
const WHOLE = 256 * 1024;
/** Far above any program; an array of that size can be made. */
const LARGEST = 2 ** 32;
const PAGE = 4096;

/** A file that can't be read as a whole, or changes meanwhile. */
export class FileSizeError extends Error {}

/** Reads more of a file: a range of it. */
export type Need = (offset: number, size: number) => void;

export interface SparseFile {
  /** Valid where `need` was called, and in the first page. */
  readonly bytes: Uint8Array;
  /** All of it is there. */
  readonly whole: boolean;
  readonly need: Need;
}

/**
 * @param fd an open file; not closed.
 * @param most bytes that may be read of it.
 * @throws FileSizeError, also from `need`, or the system's error when it can't be read.
 */
export function openSparse(fd: number, most: number = LIMITS.fileBytes): SparseFile {
  const { size } = fs.fstatSync(fd);
  if (size > LARGEST) throw new FileSizeError(`a file of ${size} bytes is too large`);
  const bytes = new Uint8Array(size);
  const present = new Uint8Array(Math.ceil(size / PAGE));
  let left = most;
  const fill = (from: number, to: number): void => {
    left -= to - from;
    if (left < 0) throw new FileSizeError(`more than ${mebibytes(most)} of it would have to be read`);
    for (let at = from; at < to; ) {
      const read = fs.readSync(fd, bytes, at, to - at, at);
      if (read === 0) throw new FileSizeError('the file became shorter while it was read');
      at += read;
    }
  };
  // By pages, each once: a program may have thousands of probes beside each other.
  const need = (offset: number, length: number): void => {
    const end = Math.ceil(Math.min(offset + length, size) / PAGE);
    for (let page = Math.floor(offset / PAGE); page < end; page++) {
      if (present[page] === 1) continue;
      const first = page;
      while (page < end && present[page] === 0) present[page++] = 1;
      fill(first * PAGE, Math.min(page * PAGE, size));
    }
  };
  const whole = size <= WHOLE;
  need(0, whole ? size : PAGE);
  return { bytes, whole, need };
}
