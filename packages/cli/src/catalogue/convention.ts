/**
 * Arguments that are known by their C types alone, as DOF has them: at a tracepoint they are where the C calling
 * convention puts them just before a call, since a call it was until `dtrace -G` or Apple's linker overwrote it.
 *
 * - x86-64: https://gitlab.com/x86-psABIs/x86-64-ABI (3.2.3)
 * - x86: https://gitlab.com/x86-psABIs/i386-ABI (2.2.3): everything on the stack
 * - arm64: https://github.com/ARM-software/abi-aa/blob/main/aapcs64/aapcs64.rst (6.8.2); on macOS the stack is packed:
 *   https://developer.apple.com/documentation/xcode/writing-arm64-code-for-apple-platforms
 * @module
 */

import { ARGUMENT_REGISTERS, argumentOperand } from 'libusdt/codecs';
import { argumentType } from './argument-type.ts';
import type { ProbeArch, ProbeArgument } from './probe.ts';

export interface Convention {
  /** Undefined: nothing is known of where arguments are. */
  readonly arch: ProbeArch | undefined;
  readonly class: 32 | 64;
  readonly darwin: boolean;
}

type Size = 1 | 2 | 4 | 8;
type Shape = Pick<ProbeArgument, 'signed' | 'float'> & { readonly size: Size };

const FLOAT_REGISTERS = 8;

/** Arguments of these types, in that order. */
export function conventionArguments(types: readonly string[], convention: Convention): ProbeArgument[] {
  const places = new Places(convention);
  return types.map((type) => {
    const shape = shapeOf(type, convention.class === 64 ? 8 : 4);
    return { type, declared: true, ...shape, operand: places.next(shape) };
  });
}

class Places {
  readonly #convention: Convention;
  #words = 0;
  #floats = 0;
  /** Bytes of the stack that are taken. */
  #stack = 0;

  constructor(convention: Convention) {
    this.#convention = convention;
  }

  next({ size, float }: Shape): string {
    const { arch, darwin } = this.#convention;
    switch (arch) {
      case undefined:
        return '';
      case 'x86':
        return `${this.#onStack(Math.max(size, 4), 4)}(%esp)`;
      case 'x64': {
        if (float && this.#floats < FLOAT_REGISTERS) return `%xmm${this.#floats++}`;
        if (!float && this.#words < ARGUMENT_REGISTERS.x64) return argumentOperand(arch, this.#words++, size);
        return `${this.#onStack(8, 8)}(%rsp)`;
      }
      case 'arm64': {
        if (float && this.#floats < FLOAT_REGISTERS) return `${size === 4 ? 's' : 'd'}${this.#floats++}`;
        if (!float && this.#words < ARGUMENT_REGISTERS.arm64)
          return argumentOperand(arch, this.#words++, size);
        return `[sp, ${darwin ? this.#onStack(size, size) : this.#onStack(8, 8)}]`;
      }
    }
  }

  #onStack(size: number, alignment: number): number {
    const at = Math.ceil(this.#stack / alignment) * alignment;
    this.#stack = at + size;
    return at;
  }
}

/** Sizes that follow from a name, and not from its digits. */
const BYTES: Readonly<Record<string, Size>> = { pid_t: 4, bool: 1, _Bool: 1, float: 4, double: 8 };

/** What is not known is taken for an unsigned word: what DTrace hands over of every argument. */
function shapeOf(type: string, word: 4 | 8): Shape {
  const name = type.replaceAll(/\b(const|volatile|userland)\b/g, ' ').trim();
  const basic = basicInteger(name, word);
  if (basic) return basic;
  if (/^enum\b[^*]*$/.test(name)) return { size: 4, signed: false, float: false };
  const { kind, signed = false } = argumentType(name) ?? { kind: 'pointer' };
  const bits = kind === 'integer' ? /(8|16|32|64)(_t)?$/.exec(name)?.[1] : undefined;
  const size = bits ? ((Number(bits) / 8) as Size) : (BYTES[name] ?? word);
  return { size, signed, float: kind === 'double' };
}

/** `int`, `unsigned short`, `long unsigned int`: in whatever order compilers write it. */
function basicInteger(name: string, word: 4 | 8): Shape | undefined {
  const words = name.split(/\s+/);
  if (!words.every((part) => /^(signed|unsigned|char|short|int|long)$/.test(part))) return undefined;
  const has = (part: string): boolean => words.includes(part);
  const longs = words.filter((part) => part === 'long').length;
  const size = has('char') ? 1 : has('short') ? 2 : longs === 2 ? 8 : longs === 1 ? word : 4;
  return { size, signed: !has('unsigned'), float: false };
}
