/**
 * What dyld does to a loaded bundle: small programs of opcodes, which put addresses into words.
 * https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h (REBASE_*, BIND_*)
 */

import { cString } from '../bytes.ts';
import type { Pointer } from '../section.ts';
import * as macho from './constants.ts';
import { uleb128 } from './leb128.ts';
import { type BundleLayout, findSection } from './plan.ts';

/** Puts the address of each import into its word. */
export function bindOpcodes({ plan, segments }: BundleLayout): Uint8Array {
  if (plan.imports.length === 0) return new Uint8Array(0);
  const dataSegment = segments.findIndex(({ segname }) => segname === '__DATA');
  const opcodes: number[] = [
    macho.BIND_OPCODE_SET_DYLIB_SPECIAL_IMM | macho.BIND_SPECIAL_DYLIB_FLAT_LOOKUP,
    macho.BIND_OPCODE_SET_TYPE_IMM | macho.BIND_TYPE_POINTER,
    macho.BIND_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB | dataSegment,
    ...uleb128(0),
  ];
  for (const name of plan.imports) {
    opcodes.push(macho.BIND_OPCODE_SET_SYMBOL_TRAILING_FLAGS_IMM, ...cString(`_${name}`));
    // Moves on to the next word.
    opcodes.push(macho.BIND_OPCODE_DO_BIND);
  }
  opcodes.push(macho.BIND_OPCODE_DONE);
  return Uint8Array.from(opcodes);
}

/** Adds to each of these words how far from its preferred address, 0, the bundle was loaded. */
export function rebaseOpcodes({ segments }: BundleLayout, pointers: readonly Pointer[]): Uint8Array {
  if (pointers.length === 0) return new Uint8Array(0);
  const dataSegment = segments.findIndex(({ segname }) => segname === '__DATA');
  const { vmaddr } = segments[dataSegment]!;
  const opcodes: number[] = [macho.REBASE_OPCODE_SET_TYPE_IMM | macho.REBASE_TYPE_POINTER];
  for (const { section, offset } of pointers) {
    const place = findSection(segments, section).addr + offset - vmaddr;
    opcodes.push(macho.REBASE_OPCODE_SET_SEGMENT_AND_OFFSET_ULEB | dataSegment, ...uleb128(place));
    opcodes.push(macho.REBASE_OPCODE_DO_REBASE_IMM_TIMES | 1);
  }
  opcodes.push(macho.REBASE_OPCODE_DONE);
  return Uint8Array.from(opcodes);
}
