/**
 * Which of a processor's tracepoints suits which kernel.
 */

import { PROCESSORS } from '../arch/index.ts';
import type { Arch, TracepointEncoding } from '../model/target.ts';

/** All encodings that an architecture has. */
export function tracepointsOf(arch: Arch): TracepointEncoding[] {
  return PROCESSORS[arch].tracepoints.map(({ encoding }) => encoding);
}

/** The best encoding for a kernel release such as "6.18.44-generic" (uname -r). An unreadable release gives the one that works everywhere. */
export function tracepointFor(arch: Arch, release: string): TracepointEncoding {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [undefined, '0', '0'];
  const version = [Number(major), Number(minor)] as const;
  const suits = PROCESSORS[arch].tracepoints.filter(
    ({ since }) => version[0] > since[0] || (version[0] === since[0] && version[1] >= since[1]),
  );
  return suits.at(-1)?.encoding ?? 'nop';
}
