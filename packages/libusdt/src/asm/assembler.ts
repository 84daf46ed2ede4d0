/**
 * The macro-assembler interface: engine and stubs are written once against it, and each processor's folder of arch/ has
 * one file that implements it. It knows the C calling convention of its architecture and nothing of
 * probes, Node-API or object files.
 *
 * Registers are named by their role in the calling convention, not by number:
 *   a0..a5   arguments of the function being entered, or of the call about to be made (caller-saved)
 *   s0..s3   survive calls (callee-saved; `enter` saves them, `leave` restores them)
 *   result   the return value of the last call, and of this function; may be the same register as a0
 * Where there are too few, some of them are words on the stack.
 *
 * A word takes 8 bytes on every architecture: in call blocks, among locals, and wherever `load` and `store` go. Where
 * registers have 32 bits, the lower half is used. So call blocks have one layout on all architectures, whatever JavaScript runs on.
 */

import type { FrameLayout } from '../abi/frame-layout.ts';
import type { Arch, TracepointEncoding } from '../model/target.ts';

export type Register = 'a0' | 'a1' | 'a2' | 'a3' | 'a4' | 'a5' | 's0' | 's1' | 's2' | 's3' | 'result';

/** A place in the code. Created by `label()`, placed once by `bind()`, may be referred to before it is bound. */
export interface Label {
  /** Offset from the start of the code, or -1 while unbound. */
  offset: number;
}

export interface Assembler {
  readonly arch: Arch;
  /** Bytes of a C pointer: how far the elements of an array of them lie apart, where words take 8. */
  readonly pointerSize: 4 | 8;
  /** Bytes emitted so far. */
  readonly position: number;

  label(): Label;
  bind(label: Label): void;
  /**
   * Fill with traps (code that is never reached) until `(position + offset) % alignment === 0`. What follows is another
   * function, which has not been entered.
   */
  align(alignment: number, offset?: number): void;
  /** The finished code. Throws if a label that was used has not been bound, or is out of reach. */
  finish(): Uint8Array;

  /** Function prologue: save s0..s3 and the return address, reserve `locals` local words (0..8). Keeps the stack aligned for calls. */
  enter(locals: number): void;
  /** Undo `enter` and return to the caller. */
  leave(): void;
  /** Return from a function that did not `enter`. */
  ret(): void;

  move(to: Register, from: Register): void;
  /** Load a constant, -2^31 <= value < 2^31, sign-extended. */
  immediate(to: Register, value: number): void;
  /** Add a constant, -4095 <= value <= 4095. */
  addImmediate(to: Register, value: number): void;
  /** Load the run-time address of a label in this code (pc-relative). */
  addressOf(to: Register, label: Label): void;
  /**
   * Load the run-time address of `displacement` bytes from the start of this code; may be negative or beyond its end
   * (pc-relative: data of the same image). Takes the same room whatever the displacement.
   * Throws a RangeError beyond the reach from here: +-2^31 on x64 and i386, +-2^20 on arm64.
   */
  addressAt(to: Register, displacement: number): void;
  /** Load the address of local word `index`. */
  addressOfLocal(to: Register, index: number): void;
  loadLocal(to: Register, index: number): void;
  storeLocal(index: number, from: Register): void;
  /** Load a word from `base + displacement`; displacement a multiple of 8, 0..4088. */
  load(to: Register, base: Register, displacement: number): void;
  store(base: Register, displacement: number, from: Register): void;

  /** Call the address held in the word that lies `displacement` bytes from the start of this code (a GOT slot, pc-relative). Room and reach as `addressAt`. */
  callIndirect(displacement: number): void;
  jump(to: Label): void;
  /** Jump if the low 32 bits of `register` are not zero / if a and b differ in any bit. */
  branchIfNonZero32(register: Register, to: Label): void;
  branchIfNotEqual(a: Register, b: Register, to: Label): void;

  /**
   * The UTF-16 text at a0, of a1 units, becomes bytes, in its own place and with a NUL behind them. Jump to `wide`, if a
   * unit is above 0x7f: then nobody knows what is there. Units that follow the text, up to 8, are overwritten as well, and so
   * are all registers but s0..s3.
   */
  narrowText(wide: Label): void;

  /**
   * Call the `target` of the call block at `base` in the C calling convention: stack words first (their number read at run time
   * from `stackCount`; the first at the lowest address, stack kept 16-byte aligned at the call), then every integer argument
   * register from `args` on; store the return value in `result`. Needs `enter`. `base` must be an s register. Restores the stack
   * pointer.
   */
  callFrame(base: Register, layout: FrameLayout): void;

  /**
   * A probe: a C-callable function whose body is a tracepoint. Starts at `position` after any padding that the
   * architecture wants; at the tracepoint the arguments stand as a tracer expects them:
   * `argc` words, register arguments in their registers, stack argument n at the top of the stack without a return address above it.
   * The tracepoint is 4-byte aligned (so its first word can be watched) and does not cross a 64-byte line.
   * @param result what is filled in and returned, for those who want no new object.
   */
  probe(argc: number, tracepoint: TracepointEncoding, result?: Mutable<ProbeSite>): ProbeSite;
  /**
   * The last `size` bytes again, `count` times. Two equal probes, one behind the other, are as far apart as any: what lies
   * between the end of the first and the end of the second makes a third.
   */
  repeat(size: number, count: number): void;
}

/** Where a probe function lies, in bytes from the start of the code. */
export interface ProbeSite {
  /** Entry of the function. */
  readonly entry: number;
  /** The tracepoint: what the SDT note's pc points to. */
  readonly site: number;
  /** One past the function's last byte. */
  readonly end: number;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
