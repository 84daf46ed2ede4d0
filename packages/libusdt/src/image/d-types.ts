/**
 * The names of argument types in D, for `args[0]`, `args[1]`... D knows C's types, and refuses an argument whose type's
 * name it does not: so what C does not know either is given as what travels.
 * https://illumos.org/books/dtrace/chp-typeopexpr.html
 * @module
 */

import type { CType } from '../types/ctypes.ts';

/** C types that D has no name for, or that are something else for us. */
const OTHERWISE: Readonly<Record<string, string>> = {
  bool: 'uint8_t',
  // As bits: D has no floating-point arithmetic.
  float: 'uint64_t',
  double: 'uint64_t',
  json: 'char *',
  'const char *': 'char *',
  'const void *': 'void *',
  unsigned: 'unsigned int',
  intptr_t: 'int64_t',
};

export function dTypeName({ name, scale }: CType): string {
  // `int64_t*1000` is an integer.
  const base = scale === 1 ? name : name.slice(0, name.indexOf('*'));
  return OTHERWISE[base] ?? base;
}
