/**
 * From C type names to TypeScript types: what `fire` takes is inferred from the literal that defines the probe.
 */

import type { INTEGERS } from './ctypes.ts';

type IntegerName = keyof typeof INTEGERS;
type Integer64Name =
  | 'int64_t'
  | 'uint64_t'
  | 'long'
  | 'unsigned long'
  | 'long long'
  | 'unsigned long long'
  | 'size_t'
  | 'ssize_t'
  | 'intptr_t'
  | 'uintptr_t';
type FloatName = 'float' | 'double';
type StringName = 'char *' | 'char*' | 'const char *' | 'const char*';
type PointerName = 'void *' | 'void*' | 'const void *' | 'const void*';
/** The value times the number, rounded. `bigint` stands for whole numbers. */
type ScaledName = `${IntegerName}*${bigint}`;

/** Every argument type that a probe may have. */
export type CTypeName = IntegerName | 'bool' | FloatName | StringName | 'json' | PointerName | ScaledName;

/** What `fire` takes for an argument of that type. */
export type TypeOf<Name extends CTypeName> = Name extends Integer64Name
  ? number | bigint
  : Name extends IntegerName | FloatName
    ? number
    : Name extends 'bool'
      ? boolean
      : Name extends StringName
        ? string
        : Name extends 'json'
          ? unknown
          : Name extends PointerName
            ? ArrayBufferView | ArrayBufferLike | null
            : Name extends `${infer Base}*${bigint}`
              ? Base extends Integer64Name
                ? number | bigint
                : number
              : never;

/** The parameters of `fire` for these types. */
export type ArgumentsOf<Names extends readonly CTypeName[]> = {
  -readonly [Index in keyof Names]: TypeOf<Names[Index]>;
};
