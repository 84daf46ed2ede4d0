/**
 * What an image or an engine is built for. A plain value: an image for any target can be built on any machine.
 * @module
 */

export type Arch = 'x64' | 'arm64' | 'i386';

/** By what runtimes call them: https://nodejs.org/api/process.html#processarch */
const ARCH_NAMES: Readonly<Record<string, Arch>> = { x64: 'x64', arm64: 'arm64', ia32: 'i386' };

/** The architecture that a runtime's `process.arch` means, if there is a code generator for it. */
export function archNamed(name: string): Arch | undefined {
  return Object.hasOwn(ARCH_NAMES, name) ? ARCH_NAMES[name] : undefined;
}

/** The bytes that stand at a tracepoint; see image/tracepoint.ts for which one suits which kernel. */
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
