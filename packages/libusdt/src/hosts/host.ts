/**
 * What a host, the runtime that a program runs in, gives to all else: memory that it shares with native code, and a way
 * to call it.
 */

import type { Arch } from '../model/target.ts';
import type { Texts } from './napi/texts.ts';

/** The frame's memory, seen as what it holds. All views lie over one ArrayBuffer. */
export interface Frame {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Address of the frame's first byte, and its halves. */
  readonly address: bigint;
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly scratchStart: number;
  readonly scratchEnd: number;
  readonly texts: Texts;
}

export interface Engine {
  readonly arch: Arch;
  readonly frame: Frame;
  /** Calls what the frame says. The only thing between JavaScript and native code. */
  readonly invoke: () => void;
  /** As `invoke`, but first writes a string to where the frame says; what is not undefined was refused, and nothing called (code.ts). */
  readonly invokeText: (text: string) => unknown;
  /** The same for one to MAX_TEXTS strings. */
  readonly invokeTexts: (...texts: readonly string[]) => unknown;
  /** Address of a symbol of the process, 0n if there is none. */
  symbol(name: string): bigint;
  /** Calls a C function with integer or pointer arguments; strings become NUL-terminated UTF-8 for the time of the call. Returns a word of the machine, unsigned. */
  call(address: bigint, ...args: readonly (bigint | number | string)[]): bigint;
  /** The bytes at an address, copied. At most 64 KiB. */
  read(address: bigint, length: number): Uint8Array;
  /** An ArrayBuffer over memory that is not JavaScript's; undefined where the runtime refuses. The caller sees to it that the memory stays mapped. */
  view(address: bigint, length: number): ArrayBuffer | undefined;
}
