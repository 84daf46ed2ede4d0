/**
 * The call block: the memory through which JavaScript and the engine's `call` speak. Its name in code is "frame"; it has
 * nothing to do with the frames of a stack. JavaScript writes an address, the number of stack words and the argument
 * words; `call` loads them into the C calling convention, calls, and stores the return value. The words are followed by the
 * scratch area, where bytes and strings live while a probe fires, and that by the places, in which strings stay longer (texts.ts).
 *
 * A call block belongs to one JavaScript thread. It is never handed to users.
 */

import type { FrameLayout } from './frame-layout.ts';

/** Most arguments a probe may have (libusdt's USDT_ARG_MAX). */
export const MAX_ARGUMENTS = 32;

/** Most bytes of one string: all arguments of a probe may be strings, and have room at once. */
export const MAX_STRING_BYTES = 32768;

/** Most strings that `callTexts` takes. */
export const MAX_TEXTS = 6;

/** Places for strings (texts.ts): at least MAX_ARGUMENTS, so that those of one event have one each. */
export const TEXT_PLACES = 64;

/**
 * Bytes of such a place: all that an event's strings may take (event-size.ts), rounded up to cache lines. Their number is
 * odd, so that the beginnings of the places are spread over the cache.
 */
export const TEXT_PLACE_BYTES = 59 * 64;

const WORD = 8;
const ARGS = 2 * WORD;
const SCRATCH = 512;
const PLACES = SCRATCH + MAX_ARGUMENTS * MAX_STRING_BYTES;

/** Byte offsets in the call block. */
export const FRAME = {
  target: 0,
  stackCount: WORD,
  args: ARGS,
  result: ARGS + MAX_ARGUMENTS * WORD,
  /** Written by the engine's init: the call block's own address. */
  address: ARGS + (MAX_ARGUMENTS + 1) * WORD,
  /** Written by the engine's init: the address of dlsym(3), from which everything else is found. */
  dlsym: ARGS + (MAX_ARGUMENTS + 2) * WORD,
  /** Where `callTexts` writes its strings: an address for each, within `places`. */
  texts: ARGS + (MAX_ARGUMENTS + 3) * WORD,
  scratch: SCRATCH,
  places: PLACES,
  /** The allocator takes it zeroed from the kernel, so pages that are never written cost nothing. */
  size: PLACES + TEXT_PLACES * TEXT_PLACE_BYTES,
} as const satisfies FrameLayout & Record<string, number>;
