/**
 * The names of argument types in D, for `args[0]`, `args[1]`... D knows C's types, and refuses unknown type names. Types
 * that are ours alone (json, scaled integers) are declared as what is passed: `char *`, the integer.
 * https://illumos.org/books/dtrace/chp-typeopexpr.html
 *
 * An argument of D is a word of the process (fasttrap_isa.c: fasttrap_usdt_getarg). Where words have 32 bits, one of 64
 * bits is two arguments of D. And D's `long` is the kernel's, which may have 64 bits when the process' has 32.
 */

import { hasNarrowWords, isPassedAsTwo } from '../arch/passing.ts';
import type { CType } from '../ctypes/ctypes.ts';
import type { Arch } from '../model/target.ts';

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

/** Where words have 32 bits. */
const OTHERWISE_32: Readonly<Record<string, string>> = {
  long: 'int32_t',
  'unsigned long': 'uint32_t',
  size_t: 'uint32_t',
  ssize_t: 'int32_t',
  intptr_t: 'int32_t',
  uintptr_t: 'uint32_t',
};

/** One name for each word that the argument is passed as. */
export function dTypeNames(arch: Arch, type: CType): string[] {
  // `int64_t*1000` is an integer.
  const base = type.scale === 1 ? type.name : type.name.slice(0, type.name.indexOf('*'));
  if (isPassedAsTwo(arch, type)) return ['uint32_t', type.signed ? 'int32_t' : 'uint32_t'];
  return [(hasNarrowWords(arch) ? OTHERWISE_32[base] : undefined) ?? OTHERWISE[base] ?? base];
}
