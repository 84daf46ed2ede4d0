/**
 * The argument types that a probe may have: C type names, as D and C programmers write them, and what each means for
 * the 64-bit word that carries the argument. Sizes are those of LP64, which all 64-bit systems here have. Words hold
 * LP64's values everywhere; where a word of the machine has 32 bits (i386: ILP32), the lower half is what C would pass.
 *
 * - Integers are sign- or zero-extended to the whole word, so that every tracer reads the same number whatever it
 *   makes of the size.
 * - No tracer reads floating point from an SDT probe, and libbpf refuses the file: `float` and `double` travel as the
 *   bits of a double in an unsigned integer. `int64_t*1000` is a scaled integer: the value times 1000, rounded.
 * - `char *`, `json` and `void *` are addresses of bytes that live until `fire` returns.
 */

import { UsdtError } from '../model/errors.ts';
import { show } from '../model/show.ts';

export type Kind = 'integer' | 'bool' | 'double' | 'string' | 'json' | 'pointer';

export interface CType {
  /** As it was written, in one spelling: `char *` for `char*`. */
  readonly name: string;
  /** Bytes that a tracer reads. */
  readonly size: 1 | 2 | 4 | 8;
  /** The same in a process whose words have 32 bits. */
  readonly size32: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly kind: Kind;
  /** Integers: what a value is multiplied with. 1 for all that are not scaled. */
  readonly scale: number;
  /** Which values need no conversion before they are written: one of the constants below, or 0 for none. */
  readonly plain: 0 | typeof PLAIN_32 | typeof PLAIN_64 | typeof PLAIN_STRING;
  /** Bits that a 32-bit word has more than the type; negative for types of 64 bits. */
  readonly unused: number;
  /** Bits that a value of at most 32 bits has in the argument's two 32-bit words, after sign extension. */
  readonly lowMask: number;
  readonly highMask: number;
}

/** Numbers, for an integer of at most 32 bits. */
export const PLAIN_32 = 1;
/** Numbers, for a wider integer or a double. */
export const PLAIN_64 = 2;
/** Strings. */
export const PLAIN_STRING = 3;

/** `size32` where it is another. */
type Row = readonly [size: CType['size'], signed: boolean, size32?: CType['size']];

/** Integer types. `char` is signed, as on x86-64, whatever the architecture: a definition means the same everywhere. */
export const INTEGERS = {
  int8_t: [1, true],
  int16_t: [2, true],
  int32_t: [4, true],
  int64_t: [8, true],
  uint8_t: [1, false],
  uint16_t: [2, false],
  uint32_t: [4, false],
  uint64_t: [8, false],
  char: [1, true],
  'signed char': [1, true],
  'unsigned char': [1, false],
  short: [2, true],
  'unsigned short': [2, false],
  int: [4, true],
  unsigned: [4, false],
  'unsigned int': [4, false],
  long: [8, true, 4],
  'unsigned long': [8, false, 4],
  'long long': [8, true],
  'unsigned long long': [8, false],
  size_t: [8, false, 4],
  ssize_t: [8, true, 4],
  intptr_t: [8, true, 4],
  uintptr_t: [8, false, 4],
} as const satisfies Record<string, Row>;

type OtherRow = readonly [size: CType['size'], signed: boolean, kind: Kind, size32?: CType['size']];

/** Everything else. */
export const OTHERS = {
  bool: [1, false, 'bool'],
  float: [8, false, 'double'],
  double: [8, false, 'double'],
  'char *': [8, false, 'string', 4],
  'const char *': [8, false, 'string', 4],
  json: [8, false, 'json', 4],
  'void *': [8, false, 'pointer', 4],
  'const void *': [8, false, 'pointer', 4],
} as const satisfies Record<string, OtherRow>;

const SCALED = /^(.+?) ?\* ?([1-9][0-9]{0,14})$/;

const known = new Map<string, CType>();
for (const [name, [size, signed, size32]] of Object.entries<Row>(INTEGERS))
  known.set(name, make({ name, size, signed, kind: 'integer', scale: 1, size32: size32 ?? size }));
for (const [name, [size, signed, kind, size32]] of Object.entries<OtherRow>(OTHERS))
  known.set(name, make({ name, size, signed, kind, scale: 1, size32: size32 ?? size }));

type Declared = Pick<CType, 'name' | 'size' | 'size32' | 'signed' | 'kind' | 'scale'>;

function make({ name, size, size32, signed, kind, scale }: Declared): CType {
  const unused = 32 - 8 * size;
  const lowMask = signed || unused <= 0 ? -1 : (1 << (8 * size)) - 1;
  const plain = plainOf(kind, scale, size);
  return { name, size, size32, signed, kind, scale, plain, unused, lowMask, highMask: signed ? -1 : 0 };
}

function plainOf(kind: Kind, scale: number, size: number): CType['plain'] {
  if (kind === 'string') return PLAIN_STRING;
  if ((kind !== 'integer' && kind !== 'double') || scale !== 1) return 0;
  return size <= 4 ? PLAIN_32 : PLAIN_64;
}

/**
 * @param name a C type name; blanks don't matter.
 * @throws UsdtError USDT_UNKNOWN_TYPE
 */
export function parseCType(name: string): CType {
  const found = known.get(name);
  if (found) return found;
  if (typeof name !== 'string') throw unknownType(name);
  const spelled = name.trim().replace(/\s+/g, ' ').replace(/ ?\*$/, ' *');
  return known.get(spelled) ?? parseScaled(spelled) ?? fail(name);
}

function parseScaled(spelled: string): CType | undefined {
  const [, base = '', factor] = SCALED.exec(spelled) ?? [];
  const integer = known.get(base);
  if (integer?.kind !== 'integer') return undefined;
  return make({ ...integer, name: `${base}*${factor}`, scale: Number(factor) });
}

function fail(name: string): never {
  throw unknownType(name);
}

function unknownType(name: unknown): UsdtError {
  const names = [...known.keys()].join(', ');
  return new UsdtError(
    'USDT_UNKNOWN_TYPE',
    `unknown argument type ${show(name)}: use one of ${names}, or a scaled integer such as int64_t*1000`,
  );
}
