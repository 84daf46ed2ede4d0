/**
 * What an image or an engine is built for. A plain value: an image for any target can be built on any machine.
 * @module
 */

export type Arch = 'x64' | 'arm64';

/** The bytes that stand at a tracepoint; see image/tracepoint.ts for which one suits which kernel. */
export type TracepointEncoding = 'nop' | 'nop5' | 'nop+nop10';

export interface Target {
  readonly os: 'linux';
  readonly arch: Arch;
  readonly tracepoint: TracepointEncoding;
  /** A DOF document is in the image too, for DTrace's daemon. */
  readonly dof?: boolean;
}
