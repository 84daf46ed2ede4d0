/**
 * Which bytes stand at a tracepoint.
 *
 * A uprobe replaces them while somebody traces, and what that costs depends on what stood there:
 * - `nop` (90): an int3 trap; the kernel knows the instruction and emulates it. Every kernel, every tracer.
 * - `nop5` (0f 1f 44 00 00): since Linux 6.18 the kernel turns it into a call into a trampoline and a system call,
 *   which is cheaper than a trap; older kernels single-step it, which is dearer than a `nop`.
 *   https://git.kernel.org/torvalds/c/ba2bfc97b462 (uprobes/x86: add support to optimize uprobes)
 * - `nop+nop10`: kernels that moved the optimisation from nop5 to nop10, since the call's push may overwrite a red
 *   zone. The note points to the leading 90; a tracer that knows moves on by one byte, all others use the 90. No
 *   dearer than `nop`. It must be the 90 on 6.18: there a uprobe on the nop10 itself is accepted and never fires.
 *   https://git.kernel.org/tip/tip/c/554ba38456da (uprobes/x86: Move optimized uprobe from nop5 to nop10)
 *   https://github.com/libbpf/usdt/pull/16 (usdt.h emits this pair)
 *
 * Measured with `bpftrace { @ = count(); }` on Linux 6.18.44, x86-64, in a virtual machine, nanoseconds a fire, the
 * median and the least of 41 rounds of 20,000, taking turns, in the quietest of six runs: nop 1225 and 793, nop5 976
 * and 630, nop+nop10 1173 and 834; a C program with <sys/sdt.h>, which has a nop, 1136 and 812. In the six runs nop5
 * cost 0.66 to 0.89 of nop. While nobody traces no difference stands out from the noise.
 *
 * A stub keeps nothing in its red zone, so it may use either.
 * @module
 */

import type { Arch, TracepointEncoding } from '../model/target.ts';

/** First kernel version, as [major, minor], from which an encoding is the best. Later rows win. */
const BY_KERNEL: Record<
  Arch,
  readonly { readonly since: readonly [number, number]; readonly encoding: TracepointEncoding }[]
> = {
  x64: [
    { since: [0, 0], encoding: 'nop' },
    { since: [6, 18], encoding: 'nop5' },
    // The move was made while 7.2 was prepared, and may come later. A row that is too early costs what a nop costs;
    // one that is too late would cost a single step.
    { since: [7, 2], encoding: 'nop+nop10' },
  ],
  arm64: [{ since: [0, 0], encoding: 'nop' }],
  // The kernel optimises the long nops of 64-bit processes only (arch/x86/kernel/uprobes.c: can_optimize).
  i386: [{ since: [0, 0], encoding: 'nop' }],
};

/** All encodings that an architecture has. */
export function tracepointsOf(arch: Arch): TracepointEncoding[] {
  return BY_KERNEL[arch].map(({ encoding }) => encoding);
}

/** The best encoding for a kernel release such as "6.18.44-generic" (uname -r). An unreadable release gives the one that works everywhere. */
export function tracepointFor(arch: Arch, release: string): TracepointEncoding {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [undefined, '0', '0'];
  const version = [Number(major), Number(minor)] as const;
  const suits = BY_KERNEL[arch].filter(
    ({ since }) => version[0] > since[0] || (version[0] === since[0] && version[1] >= since[1]),
  );
  return suits.at(-1)?.encoding ?? 'nop';
}
