/**
 * Arguments that are known by their C types alone, as DOF has them: at a tracepoint they are where the C calling
 * convention puts them just before a call, since a call it was until `dtrace -G` or Apple's linker overwrote it.
 */

import { type Arch, type ArgumentSize, PROCESSORS } from 'libusdt/codecs';
import { argumentType } from './argument-type.ts';
import type { ProbeArgument } from './probe.ts';

export interface Convention {
  /** Undefined: nothing is known of where arguments are. */
  readonly arch: Arch | undefined;
  readonly class: 32 | 64;
  readonly darwin: boolean;
}

type Shape = Pick<ProbeArgument, 'signed' | 'float'> & { readonly size: ArgumentSize };

/** Arguments of these types, in that order. */
export function conventionArguments(types: readonly string[], convention: Convention): ProbeArgument[] {
  const shapes = types.map((type) => shapeOf(type, convention.class === 64 ? 8 : 4));
  const operands = operandsOf(shapes, convention);
  return types.map((type, index) => ({
    type,
    declared: true,
    ...shapes[index]!,
    operand: operands[index] ?? '',
  }));
}

function operandsOf(shapes: readonly Shape[], { arch, darwin }: Convention): string[] {
  if (arch === undefined) return [];
  const processor = PROCESSORS[arch];
  const places = processor.convention(darwin ? 'darwin' : 'linux').place(shapes);
  return places.map((place, index) => processor.printOperand(place, shapes[index]!.size));
}

/** Sizes that follow from a name, and not from its digits. */
const BYTES: Readonly<Record<string, ArgumentSize>> = { pid_t: 4, bool: 1, _Bool: 1, float: 4, double: 8 };

/** What is not known is taken for an unsigned word: what DTrace hands over of every argument. */
function shapeOf(type: string, word: 4 | 8): Shape {
  const name = type.replaceAll(/\b(const|volatile|userland)\b/g, ' ').trim();
  const basic = basicInteger(name, word);
  if (basic) return basic;
  if (/^enum\b[^*]*$/.test(name)) return { size: 4, signed: false, float: false };
  const { kind, signed = false } = argumentType(name) ?? { kind: 'pointer' };
  const bits = kind === 'integer' ? /(8|16|32|64)(_t)?$/.exec(name)?.[1] : undefined;
  const size = bits ? ((Number(bits) / 8) as ArgumentSize) : (BYTES[name] ?? word);
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
