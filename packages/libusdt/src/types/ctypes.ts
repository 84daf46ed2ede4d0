/**
 * The argument types that a probe may have: C type names, as D and C programmers write them, and what each means for
 * the 64-bit word that carries the argument. Sizes are those of LP64, which all supported systems have.
 *
 * - Integers are sign- or zero-extended to the whole word, so that every tracer reads the same number whatever it
 *   makes of the size.
 * - No tracer reads floating point from an SDT probe, and libbpf refuses the file: `float` and `double` travel as the
 *   bits of a double in an unsigned integer. `int64_t*1000` is a scaled integer: the value times 1000, rounded.
 * - `char *`, `json` and `void *` are addresses of bytes that live until `fire` returns.
 * @module
 */

import { show, UsdtError } from '../errors.ts';

export type Kind = 'integer' | 'bool' | 'double' | 'string' | 'json' | 'pointer';

export interface CType {
  /** As it was written, in one spelling: `char *` for `char*`. */
  readonly name: string;
  /** Bytes that a tracer reads. */
  readonly size: 1 | 2 | 4 | 8;
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

type Row = readonly [size: CType['size'], signed: boolean];

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
  long: [8, true],
  'unsigned long': [8, false],
  'long long': [8, true],
  'unsigned long long': [8, false],
  size_t: [8, false],
  ssize_t: [8, true],
  intptr_t: [8, true],
  uintptr_t: [8, false],
} as const satisfies Record<string, Row>;

/** Everything else. */
export const OTHERS = {
  bool: [1, false, 'bool'],
  float: [8, false, 'double'],
  double: [8, false, 'double'],
  'char *': [8, false, 'string'],
  'const char *': [8, false, 'string'],
  json: [8, false, 'json'],
  'void *': [8, false, 'pointer'],
  'const void *': [8, false, 'pointer'],
} as const satisfies Record<string, readonly [...Row, Kind]>;

const SCALED = /^(.+?) ?\* ?([1-9][0-9]{0,14})$/;

const known = new Map<string, CType>();
for (const [name, row] of Object.entries<Row>(INTEGERS)) known.set(name, make(name, ...row, 'integer', 1));
for (const [name, row] of Object.entries<readonly [...Row, Kind]>(OTHERS))
  known.set(name, make(name, ...row, 1));

function make(name: string, size: CType['size'], signed: boolean, kind: Kind, scale: number): CType {
  const unused = 32 - 8 * size;
  const lowMask = signed || unused <= 0 ? -1 : (1 << (8 * size)) - 1;
  const plain = plainOf(kind, scale, size);
  return { name, size, signed, kind, scale, plain, unused, lowMask, highMask: signed ? -1 : 0 };
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
  return make(`${base}*${factor}`, integer.size, integer.signed, 'integer', Number(factor));
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
