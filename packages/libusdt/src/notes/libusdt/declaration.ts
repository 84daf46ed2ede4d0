/**
 * Our own notes: the declarations of the probes, exactly as the program made them.
 *
 * An SDT note says that an argument is eight bytes at some place, not that it points to a string, and it knows neither
 * module nor function, nor a `-` in a name. A tool that reads `.note.libusdt` can print a `char *` as text. The section
 * (SHT_NOTE, not loaded, 4-aligned) holds one note per probe: owner "libusdt", type 1, and the description
 *
 *     pc         8 bytes  address of the tracepoint, as in the SDT note of the same probe; the file's byte order
 *     provider   string   UTF-8, each ends with NUL
 *     module     string
 *     function   string
 *     probe      string
 *     types      string   C type names joined by `,`, as in `uint32_t,char *,json`; empty for no arguments
 *
 * Other tools skip notes of owners they do not know.
 */

import { memoised, type Sequence } from '../../model/sequence.ts';
import { alignUp, cString, cStringLength, NO_BYTES, writeCString } from '../../object/bytes.ts';
import type { ElfFormat } from '../../object/elf/constants.ts';
import { ElfEncoder } from '../../object/elf/encoder.ts';
import { NoteWriter, written } from '../../object/elf/note-writer.ts';
import { readDescriptions } from '../../object/elf/notes.ts';
import type { SectionWriter } from '../../object/section.ts';

export interface ProbeDeclaration {
  /** Address of the tracepoint. */
  readonly pc: number | bigint;
  readonly provider: string;
  readonly module: string;
  readonly function: string;
  readonly name: string;
  /** C type names, without commas. */
  readonly types: readonly string[];
}

/** `n_type` of a declaration. */
export const NT_LIBUSDT_PROBE = 1;

const KIND = { owner: 'libusdt', type: NT_LIBUSDT_PROBE } as const;
const PC_SIZE = 8;

/**
 * The contents of a `.note.libusdt` section.
 * @throws RangeError for a NUL in a string, or a type that is empty or has a comma.
 */
export function encodeDeclarations(probes: Sequence<ProbeDeclaration>, format: ElfFormat): Uint8Array {
  return written(planDeclarations(probes, format));
}

/** As encodeDeclarations, but written later; the probes are asked for again then. */
export function planDeclarations(probes: Sequence<ProbeDeclaration>, format: ElfFormat): SectionWriter {
  // The pc is 64 bits wide in every file, so words are always written as ELF64 has them.
  const encoder = new ElfEncoder({ class: 64, data: format.data });
  const notes = new NoteWriter(encoder, KIND);
  const endings = memoised((types: readonly string[]) => cString(joinTypes(types)));
  let start = NO_BYTES;
  let provider: string | undefined;
  let module: string | undefined;
  /** A note up to the function; the same again for probes that differ in nothing else. */
  const startOf = (probe: ProbeDeclaration): Uint8Array => {
    if (probe.provider === provider && probe.module === module) return start;
    ({ provider, module } = probe);
    const strings = cStringLength(provider) + 1 + cStringLength(module) + 1;
    start = notes.start(PC_SIZE + strings);
    writeCString(start, writeCString(start, notes.desc + PC_SIZE, provider), module);
    return start;
  };
  let length = 0;
  for (let i = 0; i < probes.length; i++) {
    const probe = probes.at(i)!;
    const { function: functionName, name } = probe;
    const functionLength = cStringLength(functionName) + 1;
    const nameLength = name === functionName ? functionLength : cStringLength(name) + 1;
    length += alignUp(startOf(probe).length + functionLength + nameLength + endings(probe.types).length, 4);
  }
  return {
    length,
    write(out) {
      const view = new DataView(out.buffer, out.byteOffset, out.length);
      for (let i = 0, at = 0; i < probes.length; i++) {
        const probe = probes.at(i)!;
        const common = startOf(probe);
        const ending = endings(probe.types);
        out.set(common, at);
        encoder.word(view, at + notes.desc, probe.pc);
        const end = writeCString(out, writeCString(out, at + common.length, probe.function), probe.name);
        out.set(ending, end);
        at = notes.end(view, at, end + ending.length);
      }
    },
  };
}

/** The strings of a declaration as they follow each other in its note, NULs included. */
export function declarationStrings(probe: Omit<ProbeDeclaration, 'pc'>): string {
  const { provider, module, function: functionName, name, types } = probe;
  return [provider, module, functionName, name, joinTypes(types), ''].join('\0');
}

function joinTypes(types: readonly string[]): string {
  for (const type of types) {
    if (type === '' || type.includes(',')) {
      throw new RangeError(`a type name must be non-empty and without comma: ${JSON.stringify(type)}`);
    }
  }
  return types.join(',');
}

/** A declaration as read from a file. */
export interface DeclarationNote extends ProbeDeclaration {
  readonly pc: bigint;
}

/**
 * Reads the contents of a `.note.libusdt` section. Notes of other owners and types are skipped.
 * @throws ElfError for a malformed note.
 */
export function decodeDeclarations(section: Uint8Array, format: ElfFormat): DeclarationNote[] {
  const probes: DeclarationNote[] = [];
  for (const desc of readDescriptions(section, format, KIND)) {
    const pc = desc.word(PC_SIZE, 'pc');
    const provider = desc.string('provider');
    const module = desc.string('module');
    const functionName = desc.string('function');
    const name = desc.string('probe');
    const joined = desc.string('types');
    desc.end();
    const types = joined === '' ? [] : joined.split(',');
    if (types.includes('')) throw desc.error(`an empty type in ${JSON.stringify(joined)}`);
    probes.push({ pc, provider, module, function: functionName, name, types });
  }
  return probes;
}
