/**
 * Places -> the kernel's fetch arguments: the text that a uprobe event is defined with, and what its field will hold.
 * https://docs.kernel.org/trace/uprobetracer.html, kernel/trace/trace_probe.c (parse_probe_arg)
 */

import { type Arch, type OperandContext, type OperandPlace, PROCESSORS, READERS } from 'libusdt/codecs';
import type { ProbeArgument } from '../../catalogue/probe.ts';

/** MAX_ARGSTR_LEN in kernel/trace/trace_probe.h; some versions allow more. */
const MAX_FETCH_LENGTH = 63;

export interface FetchContext extends OperandContext {
  readonly arch: Arch;
  /** Of the tracepoint: address and place in the file. */
  readonly address: bigint;
  readonly offset: bigint;
}

export type FetchArgument =
  | {
      readonly expressible: true;
      /** `FETCHARG:TYPE`. */
      readonly text: string;
      /** The same for all of the register, of which the argument is the lower part; undefined for what is not in one. */
      readonly whole?: string;
      /** What to make of the field: an integer of so many bytes, or text. A field may be wider. */
      readonly size: 1 | 2 | 4 | 8;
      readonly signed: boolean;
      readonly string: boolean;
      /** The kernel's field holds the value as is, so that the kernel may compare it. */
      readonly plain: boolean;
    }
  | { readonly expressible: false; readonly reason: string };

/**
 * How the kernel reads an argument.
 * @param asString the argument is a pointer to NUL-terminated text, which is wanted instead of the pointer.
 */
export function fetchArgument(
  argument: Pick<ProbeArgument, 'size' | 'signed' | 'operand' | 'float'>,
  context: FetchContext,
  asString: boolean,
): FetchArgument {
  const { size, signed, operand } = argument;
  const place = READERS[context.arch].parseOperand(operand, context);
  if (place.kind === 'none') return inexpressible(place.reason);
  if (size !== 1 && size !== 2 && size !== 4 && size !== 8) {
    return inexpressible(`a value of ${size} bytes: the kernel reads 1, 2, 4 or 8`);
  }
  const fetched = asString ? fetchString(place, context, size) : fetchValue(place, context, size, signed);
  if (fetched.expressible && fetched.text.length > MAX_FETCH_LENGTH) {
    return inexpressible(`its description, ${fetched.text}, is too long for the kernel`);
  }
  return fetched;
}

/** The symbols that an operand names, so that they can be looked up all at once. */
export function symbolsOfOperand(operand: string, arch: Arch): string[] {
  const names: string[] = [];
  READERS[arch].parseOperand(operand, {
    fixed: true,
    symbol: (name) => {
      names.push(name);
      return undefined;
    },
  });
  return names;
}

function inexpressible(reason: string): FetchArgument {
  return { expressible: false, reason };
}

function fetchValue(
  place: OperandPlace,
  context: FetchContext,
  size: 1 | 2 | 4 | 8,
  signed: boolean,
): FetchArgument {
  const type = (bytes: number): string => `${signed ? 's' : 'u'}${bytes * 8}`;
  if (place.kind === 'register') {
    if (size * 8 > PROCESSORS[context.arch].wordBits) {
      return inexpressible('a value of 8 bytes in a pair of registers, of which the note names one');
    }
    if (place.shift === 8) {
      // The kernel's bit fields are unsigned: the sign is put back when the field is read.
      return {
        expressible: true,
        text: `%${place.name}:b8@8/16`,
        size: 1,
        signed,
        string: false,
        plain: !signed,
      };
    }
    const bytes = Math.min(size, place.bits / 8) as 1 | 2 | 4 | 8;
    return { ...value(`%${place.name}:${type(bytes)}`, bytes, signed), whole: `%${place.name}:u64` };
  }
  if (place.kind === 'constant') {
    return value(`\\${BigInt.asIntN(64, place.value)}:${type(size)}`, size, signed);
  }
  return value(`${memoryText(place, context)}:${type(size)}`, size, signed);
}

function value(
  text: string,
  size: 1 | 2 | 4 | 8,
  signed: boolean,
): Extract<FetchArgument, { expressible: true }> {
  return { expressible: true, text, size, signed, string: false, plain: true };
}

function fetchString(place: OperandPlace, context: FetchContext, size: number): FetchArgument {
  const pointer = PROCESSORS[context.arch].wordBits === 32 ? 4 : 8;
  let text: string;
  if (place.kind === 'register') {
    if (place.shift !== 0 || place.bits / 8 < pointer)
      return inexpressible('too narrow for a pointer to text');
    text = `+0(%${place.name}):string`;
  } else if (place.kind === 'constant') {
    text = `@${BigInt.asUintN(64, place.value)}:string`;
  } else {
    // The kernel always reads a word of its own to follow a pointer.
    if (pointer === 4) return inexpressible("a 32-bit pointer in memory, which a 64-bit kernel can't follow");
    text = `+0(${memoryText(place, context)}):string`;
  }
  if (size < pointer) return inexpressible(`text, but its pointer has only ${size} bytes`);
  return { expressible: true, text, size: pointer, signed: false, string: true, plain: false };
}

function memoryText(place: OperandPlace, { address, offset }: FetchContext): string {
  switch (place.kind) {
    case 'memory':
      return `${place.offset < 0n ? '' : '+'}${place.offset}(%${place.base})`;
    case 'absolute':
      return `@${BigInt.asUintN(64, place.address)}`;
    case 'file':
      // `@+N` is file offset N through the tracepoint's mapping, so it works wherever the file is loaded.
      return `@+${place.address - address + offset}`;
    default:
      throw new TypeError(`a ${place.kind} is not memory`);
  }
}
