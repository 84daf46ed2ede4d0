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
 */

import type { TracepointSince } from '../arch.ts';

export const TRACEPOINTS: readonly TracepointSince[] = [
  { since: [0, 0], encoding: 'nop' },
  { since: [6, 18], encoding: 'nop5' },
  // The move was made while 7.2 was prepared, and may come later. A row that is too early costs what a nop costs;
  // one that is too late would cost a single step.
  { since: [7, 2], encoding: 'nop+nop10' },
];
