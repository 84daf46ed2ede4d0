/**
 * ELF file -> its probes. The SDT notes say where each probe is; `.note.libusdt`, in images of libusdt, says what the
 * program called it and what types its arguments have.
 *
 * Prelinking moves a file's addresses without touching its notes: the notes carry the address that `.stapsdt.base` had
 * when the file was linked, and what it has now tells by how much all have moved.
 * https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation
 * @module
 */

import {
  argumentString,
  type DeclarationNote,
  decodeDeclarations,
  decodeStapsdtNotes,
  type ElfFile,
  type ElfSegment,
  ET_EXEC,
  MAX_OPERANDS,
  type Operand,
  PF_X,
  PT_LOAD,
  parseArguments,
  parseCType,
  type StapsdtNote,
  sdtName,
} from 'libusdt/codecs';
import type { ElfProbes, ProbeArch, ProbeArgument, ProbeSite } from './probe.ts';

/** e_machine: https://gabi.xinuos.com/elf/a-emachine.html */
const ARCHITECTURES: Readonly<Record<number, ProbeArch>> = { 3: 'x86', 62: 'x64', 183: 'arm64' };
/** Long enough for the longest tracepoint, a nop followed by a ten-byte nop. */
const CODE_BYTES = 12;

export const STAPSDT_SECTION = '.note.stapsdt';
export const DECLARATIONS_SECTION = '.note.libusdt';

/** Whether a probe is of interest, by the names in its SDT note. */
export type ProbeFilter = (site: Pick<ProbeSite, 'provider' | 'name' | 'sdtProvider' | 'sdtName'>) => boolean;

/**
 * @param wanted leaves out the others, and the work for them.
 * @param need called before bytes of the text are looked at, where the file is not whole in memory.
 * @throws ElfError for a malformed note.
 */
export function probesOfElf(
  elf: ElfFile,
  need?: (offset: number, size: number) => void,
  wanted?: ProbeFilter,
): ElfProbes {
  const section = elf.section(STAPSDT_SECTION);
  const all = section ? decodeStapsdtNotes(elf.data(section), elf.format) : [];
  const notes = wanted
    ? all.filter(({ provider, name }) => wanted({ provider, name, sdtProvider: provider, sdtName: name }))
    : all;
  const declarations = notes.length > 0 ? declarationsOf(elf) : new Map<bigint, DeclarationNote>();
  const base = elf.section('.stapsdt.base')?.addr;
  return {
    arch: ARCHITECTURES[elf.machine],
    machine: elf.machine,
    class: elf.format.class,
    fixed: elf.type === ET_EXEC,
    sites: notes.map((note) => siteOf(elf, note, base, declarations.get(note.pc), need)),
  };
}

function siteOf(
  elf: ElfFile,
  note: StapsdtNote,
  base: bigint | undefined,
  declaration: DeclarationNote | undefined,
  need: ((offset: number, size: number) => void) | undefined,
): ProbeSite {
  const moved = base !== undefined && note.base !== 0n ? base - note.base : 0n;
  const address = note.pc + moved;
  const offset = fileOffset(elf.segments, address, true);
  // The semaphore moved with everything else, unless the linker that moved the file mended the note.
  const semaphoreAddress =
    note.semaphore === 0n
      ? undefined
      : fileOffset(elf.segments, note.semaphore + moved, false) === undefined
        ? note.semaphore
        : note.semaphore + moved;
  const matching =
    declaration && sdtName(declaration.provider) === note.provider && sdtName(declaration.name) === note.name
      ? declaration
      : undefined;
  return {
    provider: matching?.provider ?? note.provider,
    name: matching?.name ?? note.name,
    sdtProvider: note.provider,
    sdtName: note.name,
    module: matching?.module,
    function: matching?.function,
    address,
    offset,
    semaphoreAddress,
    semaphoreOffset:
      semaphoreAddress === undefined ? undefined : fileOffset(elf.segments, semaphoreAddress, false),
    arguments: argumentsOf(
      allOperands(note.args, matching?.types, ARCHITECTURES[elf.machine]),
      matching?.types,
    ),
    argumentText: note.args,
    code: codeAt(elf, offset, need),
  };
}

function codeAt(
  elf: ElfFile,
  offset: bigint | undefined,
  need: ((offset: number, size: number) => void) | undefined,
): Uint8Array {
  if (offset === undefined || offset >= BigInt(elf.bytes.length)) return new Uint8Array(0);
  const start = Number(offset);
  need?.(start, CODE_BYTES);
  return elf.bytes.slice(start, start + CODE_BYTES);
}

function declarationsOf(elf: ElfFile): Map<bigint, DeclarationNote> {
  const section = elf.section(DECLARATIONS_SECTION);
  const declarations = new Map<bigint, DeclarationNote>();
  if (!section) return declarations;
  for (const note of decodeDeclarations(elf.data(section), elf.format)) declarations.set(note.pc, note);
  return declarations;
}

/**
 * A note lists twelve arguments at most. A declaration lists the types of all, and where the note has the first twelve as
 * the C calling convention passes them, that says where the others are.
 */
function allOperands(
  text: string,
  types: readonly string[] | undefined,
  arch: ProbeArch | undefined,
): string {
  if (types === undefined || types.length <= MAX_OPERANDS || arch === undefined || arch === 'x86')
    return text;
  try {
    const parsed = types.map(parseCType);
    return argumentString(arch, parsed) === text ? argumentString(arch, parsed, parsed.length) : text;
  } catch {
    // A type of a later version.
    return text;
  }
}

/** An argument string that no parser understands becomes one argument that no tracer can read, so that it shows. */
function argumentsOf(text: string, types: readonly string[] | undefined): ProbeArgument[] {
  let operands: Operand[];
  try {
    operands = parseArguments(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    operands = [{ size: 0, signed: false, float: false, operand: text.trim() }];
  }
  return operands.map((operand, index) => {
    const declared = types?.[index];
    return { type: declared ?? typeOfOperand(operand), declared: declared !== undefined, ...operand };
  });
}

/** The C type that says no more than the note does. */
export function typeOfOperand({ size, signed, float }: Pick<Operand, 'size' | 'signed' | 'float'>): string {
  if (float) return size === 4 ? 'float' : size === 8 ? 'double' : `float${size * 8}_t`;
  return `${signed ? '' : 'u'}int${size * 8}_t`;
}

/** The place in the file of an address, by the loaded segment that holds it. */
export function fileOffset(
  segments: readonly ElfSegment[],
  address: bigint,
  executable: boolean,
): bigint | undefined {
  for (const { type, flags, vaddr, offset, filesz, memsz } of segments) {
    if (type !== PT_LOAD || (executable && (flags & PF_X) === 0)) continue;
    // A semaphore may lie in .bss, which has no bytes in the file but continues the segment's mapping.
    const size = executable ? filesz : memsz;
    if (address >= vaddr && address < vaddr + size) return offset + (address - vaddr);
  }
  return undefined;
}
