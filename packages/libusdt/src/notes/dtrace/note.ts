/**
 * The notes of DTrace for Linux, in the section `.note.usdt`: what its `<sys/usdt.h>` and `dtrace -G` leave in a program
 * instead of DOF, in version 2.0.7 at least. Only read here: nobody but DTrace writes them.
 *
 * There are three kinds, SHT_NOTE, not loaded, 4-aligned, in the file's byte order:
 *
 *     "usdt"  1  a tracepoint      pc, address of the function's name (in .rodata): 8 bytes each, in 32-bit files too;
 *             2  an is-enabled     provider, probe: strings, NUL-terminated, as in the source (`request__start`);
 *                probe             number of arguments, 1 byte; arguments: a string as in SDT notes
 *     "prov"  1  a provider        name, padded to 4; five stability attributes as of DOF and the number of probes,
 *                                  4 bytes each; and for each probe, at a multiple of 4: name (`request-start`), number
 *                                  of native types, 1 byte, the types; number of translated types, and each with
 *                                  the native argument that it is made from, 1 byte
 *     "dver"  1  who wrote it      a string; of no interest
 *
 * The argument of an is-enabled probe is a pointer to a 32-bit word, which a tracer sets.
 * https://github.com/oracle/dtrace-utils/blob/devel/libcommon/usdt_parser_notes.c
 */

import type { DofAttributes } from '../../dof/document.ts';
import type { ElfFormat } from '../../object/elf/constants.ts';
import { DescReader, type LocatedNote } from '../../object/elf/desc.ts';
import { readNotes } from '../../object/elf/notes.ts';

/** Owners and types: include/sys/usdt_note_defs.h. */
const TRACEPOINT_OWNER = 'usdt';
const PROVIDER_OWNER = 'prov';
export const USDT_TP_NOTE_TYPE = 1;
export const USDT_EN_NOTE_TYPE = 2;
export const USDT_PV_NOTE_TYPE = 1;

/** One place in the code. */
export interface UsdtTracepoint {
  /** An is-enabled probe: the program asks here whether it is traced. Otherwise it fires here. */
  readonly isEnabled: boolean;
  readonly pc: bigint;
  /** Where the name of the function is, NUL-terminated. */
  readonly functionAddress: bigint;
  readonly provider: string;
  /** As in the source: `__` stands for `-`. */
  readonly name: string;
  /** As in an SDT note. */
  readonly args: string;
}

export interface UsdtProvider {
  readonly name: string;
  readonly attributes: DofAttributes;
  readonly probes: readonly UsdtProbe[];
}

/** A probe as its provider's D file declares it. */
export interface UsdtProbe {
  /** As DTrace shows it, with `-`. */
  readonly name: string;
  readonly nativeTypes: readonly string[];
  readonly translatedTypes: readonly string[];
  /** For each of those, the native argument that it is made from. */
  readonly mapping: readonly number[];
}

export interface UsdtNotes {
  readonly tracepoints: readonly UsdtTracepoint[];
  readonly providers: readonly UsdtProvider[];
}

/**
 * Reads the contents of a `.note.usdt` section. Notes of other owners and types are skipped.
 * @throws ElfError for a malformed note.
 */
export function decodeUsdtNotes(section: Uint8Array, format: ElfFormat): UsdtNotes {
  const tracepoints: UsdtTracepoint[] = [];
  const providers: UsdtProvider[] = [];
  for (const note of readNotes(section, format)) {
    const { name, type } = note;
    if (name === TRACEPOINT_OWNER && (type === USDT_TP_NOTE_TYPE || type === USDT_EN_NOTE_TYPE)) {
      tracepoints.push(readTracepoint(note, format));
    } else if (name === PROVIDER_OWNER && type === USDT_PV_NOTE_TYPE) {
      providers.push(readProvider(note, format));
    }
  }
  return { tracepoints, providers };
}

function readTracepoint(note: LocatedNote, format: ElfFormat): UsdtTracepoint {
  const desc = new DescReader(note, format);
  const pc = desc.word(8, 'pc');
  const functionAddress = desc.word(8, 'function');
  const provider = desc.string('provider');
  const name = desc.string('probe');
  if (provider === '' || name === '') throw desc.error('a name is empty');
  desc.byte('number of arguments');
  const args = desc.string('arguments');
  return { isEnabled: note.type === USDT_EN_NOTE_TYPE, pc, functionAddress, provider, name, args };
}

function readProvider(note: LocatedNote, format: ElfFormat): UsdtProvider {
  const desc = new DescReader(note, format);
  const name = desc.string('provider');
  desc.align(4);
  const word = (what: string): number => Number(desc.word(4, what));
  const attributes = {
    provattr: word('provider attribute'),
    modattr: word('module attribute'),
    funcattr: word('function attribute'),
    nameattr: word('name attribute'),
    argsattr: word('argument attribute'),
  };
  const count = word('number of probes');
  const probes: UsdtProbe[] = [];
  for (let i = 0; i < count; i++) {
    desc.align(4);
    const probe = desc.string(`name of probe ${i}`);
    const nativeTypes: string[] = [];
    for (let left = desc.byte('number of types'); left > 0; left--) nativeTypes.push(desc.string('type'));
    const translatedTypes: string[] = [];
    const mapping: number[] = [];
    for (let left = desc.byte('number of translated types'); left > 0; left--) {
      translatedTypes.push(desc.string('translated type'));
      mapping.push(desc.byte('argument'));
    }
    probes.push({ name: probe, nativeTypes, translatedTypes, mapping });
  }
  return { name, attributes, probes };
}
