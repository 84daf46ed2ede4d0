/**
 * What an image or an engine is built for. A plain value: an image for any target can be built on any machine.
 */

/** Processors, as folders of arch/ are named. Everything else about them is there. */
export type Arch = 'x64' | 'arm64' | 'i386';

/** Which byte of a word is at the lowest address: the least or the most significant one. */
export type ByteOrder = 'lsb' | 'msb';

/** The bytes that stand at a tracepoint; arch/x64/tracepoints.ts says which one suits which kernel. */
export type TracepointEncoding = 'nop' | 'nop5' | 'nop+nop10';

/** Operating systems that images can be built for. */
export type TargetSystem = 'linux' | 'darwin' | 'illumos' | 'freebsd';

export interface Target {
  readonly os: TargetSystem;
  readonly arch: Arch;
  /** DTrace's kernels know `nop` only. */
  readonly tracepoint: TracepointEncoding;
  /** Linux: a DOF document is in the image too, for DTrace's daemon. Elsewhere it is what an image is for. */
  readonly dof?: boolean;
}
