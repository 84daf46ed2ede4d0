/**
 * SystemTap SDT notes: where the probes of an ELF file are, for every tracer on Linux.
 *
 * The section `.note.stapsdt` (SHT_NOTE, not loaded, 4-aligned) holds one note per probe site: owner "stapsdt", type 3,
 * and the description
 *
 *     pc         word     address of the tracepoint instruction
 *     base       word     address of the section .stapsdt.base when the file was linked
 *     semaphore  word     address of a 16-bit counter of attached tracers in a writable segment, or 0
 *     provider   string   each string ends with NUL
 *     name       string
 *     arguments  string   see operands.ts
 *
 * A word has the size and the byte order of the file. A prelinked file may have moved: readers add
 * `sh_addr(.stapsdt.base) - base` to pc.
 *
 * Who insists on what:
 * - gdb, SystemTap and bcc: `n_descsz` ends exactly behind the NUL of the arguments; padding is not counted.
 * - libbpf: one malformed note, an empty provider or an empty name, and the whole file is refused.
 * - libbpf and perf take names literally, so a `-` is conventionally written as `__`; the C world allows no other.
 * - LTTng refuses probes with a semaphore.
 *
 * https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation
 */

import { memoised, type Sequence } from '../../model/sequence.ts';
import {
  alignUp,
  cString,
  cStringLength,
  type NameEncoding,
  NO_BYTES,
  UNCHANGED,
  writeCString,
} from '../../object/bytes.ts';
import { type ElfFormat, NT_STAPSDT } from '../../object/elf/constants.ts';
import { ElfEncoder } from '../../object/elf/encoder.ts';
import { NoteWriter, written } from '../../object/elf/note-writer.ts';
import { readDescriptions } from '../../object/elf/notes.ts';
import type { SectionWriter } from '../../object/section.ts';

export interface StapsdtProbe {
  /** Address of the tracepoint. */
  readonly pc: number | bigint;
  /** Address of `.stapsdt.base`. */
  readonly base: number | bigint;
  /** Address of the semaphore; 0 for none. */
  readonly semaphore: number | bigint;
  readonly provider: string;
  readonly name: string;
  /** The operands, as of `argumentString`. */
  readonly args: string;
}

const KIND = { owner: 'stapsdt', type: NT_STAPSDT } as const;

/**
 * The contents of a `.note.stapsdt` section.
 * @throws RangeError for an empty provider or name, a NUL in a string, or an address too large for the class.
 */
export function encodeStapsdtNotes(probes: Sequence<StapsdtProbe>, format: ElfFormat): Uint8Array {
  return written(planStapsdtNotes(probes, format));
}

/**
 * As encodeStapsdtNotes, but written later; the probes are asked for again then.
 * @param names how the probes' names are written.
 */
export function planStapsdtNotes(
  probes: Sequence<StapsdtProbe>,
  format: ElfFormat,
  names: NameEncoding = UNCHANGED,
): SectionWriter {
  const encoder = new ElfEncoder(format);
  const { word } = encoder.sizes;
  const notes = new NoteWriter(encoder, KIND);
  const endings = memoised(cString);
  let start = NO_BYTES;
  let [provider, base, semaphore]: [string, number | bigint, number | bigint] = ['', 0, 0];
  /** A note up to the name; the same again for probes that differ in nothing else. */
  const startOf = (probe: StapsdtProbe): Uint8Array => {
    if (probe.provider === provider && probe.base === base && probe.semaphore === semaphore) return start;
    ({ provider, base, semaphore } = probe);
    start = notes.start(3 * word + cStringLength(provider) + 1);
    const view = new DataView(start.buffer);
    writeCString(start, encoder.word(view, encoder.word(view, notes.desc + word, base), semaphore), provider);
    return start;
  };
  let length = 0;
  for (let i = 0; i < probes.length; i++) {
    const probe = probes.at(i)!;
    if (probe.provider === '' || probe.name === '') throw nameless(probe);
    length += alignUp(startOf(probe).length + names.length(probe.name) + 1 + endings(probe.args).length, 4);
  }
  return {
    length,
    write(out) {
      const view = new DataView(out.buffer, out.byteOffset, out.length);
      for (let i = 0, at = 0; i < probes.length; i++) {
        const probe = probes.at(i)!;
        const common = startOf(probe);
        const ending = endings(probe.args);
        out.set(common, at);
        encoder.word(view, at + notes.desc, probe.pc);
        const end = names.write(out, at + common.length, probe.name);
        out.set(ending, end);
        at = notes.end(view, at, end + ending.length);
      }
    },
  };
}

function nameless({ provider, name }: StapsdtProbe): RangeError {
  return new RangeError(`provider and name must not be empty: ${JSON.stringify(`${provider}:${name}`)}`);
}

/** A probe as read from a file: all words exact. */
export interface StapsdtNote extends StapsdtProbe {
  readonly pc: bigint;
  readonly base: bigint;
  readonly semaphore: bigint;
}

/**
 * Reads the contents of a note section. Notes of other owners are skipped.
 * @throws ElfError for a note that some tracer would refuse: cut off, bytes behind the arguments, an empty name.
 */
export function decodeStapsdtNotes(section: Uint8Array, format: ElfFormat): StapsdtNote[] {
  const word = format.class === 64 ? 8 : 4;
  const probes: StapsdtNote[] = [];
  for (const desc of readDescriptions(section, format, KIND)) {
    const pc = desc.word(word, 'pc');
    const base = desc.word(word, 'base');
    const semaphore = desc.word(word, 'semaphore');
    const provider = desc.string('provider');
    if (provider === '') throw desc.error('provider is empty');
    const name = desc.string('name');
    if (name === '') throw desc.error('name is empty');
    const args = desc.string('arguments');
    desc.end();
    probes.push({ pc, base, semaphore, provider, name, args });
  }
  return probes;
}
