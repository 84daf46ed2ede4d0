/**
 * ELF file -> its probes. The SDT notes say where each probe is; `.note.libusdt`, in images of libusdt, says what the
 * program called it and what types its arguments have. DTrace has its own: DOF documents, or `.note.usdt` where DTrace
 * for Linux made the program. A place that several describe is one site.
 *
 * Prelinking moves a file's addresses without touching its notes. By how much: the address that `.stapsdt.base` has now,
 * less the one in the note, which it had when the file was linked.
 * https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation
 */

import {
  type Arch,
  archOfElf,
  argumentString,
  type DeclarationNote,
  type DofSystemName,
  decodeDeclarations,
  decodeStapsdtNotes,
  ELFOSABI_FREEBSD,
  ELFOSABI_SOLARIS,
  type ElfFile,
  type ElfSegment,
  ET_EXEC,
  ET_REL,
  MAX_OPERANDS,
  PF_X,
  PROCESSORS,
  PT_LOAD,
  parseCType,
  type StapsdtNote,
  sdtName,
} from 'libusdt/codecs';
import { argumentsOf } from './arguments.ts';
import { type CodeSpace, codeReader } from './code-space.ts';
import { type DofProbes, obstacle, type ProbeFilter, probesOfDof } from './dof-probes.ts';
import { DECLARATIONS_SECTION, isDofSection, STAPSDT_SECTION } from './elf-file.ts';
import { LIMITS, Quota } from './limits.ts';
import { type ObjectProbes, type ProbeSite, probeTitle } from './probe.ts';
import type { Need } from './sparse-file.ts';
import { probesOfUsdtNotes } from './usdt-probes.ts';

/** Systems by EI_OSABI. Others leave it empty, as linkers do for objects of any system. */
const SYSTEMS: Readonly<Record<number, readonly [DofSystemName, name: string]>> = {
  [ELFOSABI_SOLARIS]: ['illumos', 'illumos'],
  [ELFOSABI_FREEBSD]: ['freebsd', 'FreeBSD'],
};
const ANY_SYSTEM: readonly DofSystemName[] = ['linux', 'illumos', 'freebsd'];

export interface ElfProbesOptions {
  /** Called before bytes are looked at, where the file is not whole in memory. */
  readonly need?: Need | undefined;
  /** Leaves out other probes, and the work for them. */
  readonly wanted?: ProbeFilter | undefined;
  /** The file's, without folder: what DTrace shows as the module. */
  readonly name?: string | undefined;
  /** What of its sections was passed over. */
  readonly passedOver?: readonly string[];
}

/** @throws ElfError for a malformed note. */
export function probesOfElf(
  elf: ElfFile,
  { need, wanted, name, passedOver = [] }: ElfProbesOptions = {},
): ObjectProbes {
  const quota = new Quota();
  const unlinked = elf.type === ET_REL;
  const system = SYSTEMS[elf.osabi];
  const arch = archOfElf(elf.machine);
  const untraceable = unlinked
    ? 'the file is not linked yet'
    : system && `the file is for ${system[1]}, and does not run here`;
  const space: CodeSpace = {
    offsetOf: (address) => (unlinked ? undefined : fileOffset(elf.segments, address, true)),
    codeAt: codeReader(elf.bytes, need),
  };
  const declarations = declarationsOf(elf);
  const module = unlinked ? undefined : name;
  const dof = elf.sections.filter(isDofSection).map((section) =>
    probesOfDof(
      {
        bytes: elf.data(section),
        address: section.addr,
        encoding: elf.format.data === 'lsb' ? 'LSB' : 'MSB',
        systems: system ? [system[0]] : ANY_SYSTEM,
        convention: { arch, class: elf.format.class, darwin: false },
        ...{ space, module, untraceable },
      },
      quota,
      wanted,
    ),
  );
  const offsetOf = (address: bigint): bigint | undefined =>
    unlinked ? undefined : fileOffset(elf.segments, address, false);
  const sites = [
    ...merge(sdtSites(elf, declarations, space, untraceable, quota, wanted), dof, declarations, unlinked),
    ...probesOfUsdtNotes({ elf, need, space, module, untraceable, offsetOf }, quota, wanted),
  ];
  return {
    format: 'elf',
    arch,
    machine: elf.machine,
    slice: undefined,
    class: elf.format.class,
    fixed: elf.type === ET_EXEC,
    unlinked,
    sites,
    problems: [...passedOver, ...quota.problems, ...dof.flatMap(({ problems }) => problems)],
    warnings: dof.flatMap(({ warnings }) => warnings),
  };
}

type Declarations = ReadonlyMap<bigint, DeclarationNote>;

function sdtSites(
  elf: ElfFile,
  declarations: Declarations,
  space: CodeSpace,
  untraceable: string | undefined,
  quota: Quota,
  wanted: ProbeFilter | undefined,
): ProbeSite[] {
  const section = elf.section(STAPSDT_SECTION);
  const all = section ? decodeStapsdtNotes(elf.data(section), elf.format) : [];
  const notes = wanted
    ? all.filter(({ provider, name }) => wanted({ provider, name, sdtProvider: provider, sdtName: name }))
    : all;
  const base = elf.section('.stapsdt.base')?.addr;
  const sites: ProbeSite[] = [];
  for (const note of notes) {
    const site = sdtSite(elf, note, base, declarations, space, untraceable);
    if (!quota.take(site.arguments.length)) break;
    sites.push(site);
  }
  return sites;
}

function sdtSite(
  elf: ElfFile,
  note: StapsdtNote,
  base: bigint | undefined,
  declarations: Declarations,
  space: CodeSpace,
  untraceable: string | undefined,
): ProbeSite {
  const moved = base !== undefined && note.base !== 0n ? base - note.base : 0n;
  const address = note.pc + moved;
  const offset = space.offsetOf(address);
  // The semaphore moved with everything else, unless the linker that moved the file fixed the note.
  const semaphoreAddress =
    note.semaphore === 0n
      ? undefined
      : fileOffset(elf.segments, note.semaphore + moved, false) === undefined
        ? note.semaphore
        : note.semaphore + moved;
  const declaration = matching(declarations.get(note.pc), note.provider, note.name);
  return {
    provider: declaration?.provider ?? note.provider,
    name: declaration?.name ?? note.name,
    sdtProvider: note.provider,
    sdtName: note.name,
    formats: ['stapsdt'],
    module: declaration?.module,
    function: declaration?.function,
    address,
    offset,
    untraceable: untraceable ?? obstacle(address, offset),
    enabledAddresses: [],
    semaphoreAddress,
    semaphoreOffset:
      semaphoreAddress === undefined ? undefined : fileOffset(elf.segments, semaphoreAddress, false),
    arguments: argumentsOf(
      allOperands(note.args, declaration?.types, archOfElf(elf.machine)),
      declaration?.types,
    ),
    translated: undefined,
    argumentText: note.args,
    code: space.codeAt(offset),
  };
}

/** A declaration is for the probe of these names at its place. */
function matching(
  declaration: DeclarationNote | undefined,
  provider: string,
  name: string,
): DeclarationNote | undefined {
  const same =
    declaration && sdtName(declaration.provider) === provider && sdtName(declaration.name) === name;
  return same ? declaration : undefined;
}

/** The sites of SDT notes, told what DOF knows of them, and those that only DOF knows. */
function merge(
  sdt: readonly ProbeSite[],
  dof: readonly DofProbes[],
  declarations: Declarations,
  unlinked: boolean,
): ProbeSite[] {
  const sites = [...sdt];
  // Before linking, different places have the same address.
  const keyOf = ({ address, sdtProvider, sdtName: name }: ProbeSite): string =>
    `${address} ${probeTitle({ provider: sdtProvider, name })}`;
  const known = new Map(unlinked ? [] : sdt.map((site, index) => [keyOf(site), index]));
  for (const site of dof.flatMap((probes) => probes.sites)) {
    const index = known.get(keyOf(site));
    if (index === undefined) sites.push(declared(site, declarations));
    else {
      const noted = sites[index]!;
      const { enabledAddresses, translated } = site;
      sites[index] = {
        ...noted,
        formats: [...noted.formats, ...site.formats],
        module: noted.module ?? site.module,
        function: noted.function ?? site.function,
        enabledAddresses,
        translated,
      };
    }
  }
  return sites;
}

/** D's names for types say less than ours: `json` is a `char *` there. */
function declared(site: ProbeSite, declarations: Declarations): ProbeSite {
  const note = site.address === undefined ? undefined : declarations.get(site.address);
  const declaration = matching(note, site.sdtProvider, site.sdtName);
  if (!declaration) return site;
  return {
    ...site,
    module: declaration.module,
    arguments: site.arguments.map((argument, index) => ({
      ...argument,
      type: declaration.types[index] ?? argument.type,
    })),
  };
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
function allOperands(text: string, types: readonly string[] | undefined, arch: Arch | undefined): string {
  if (
    types === undefined ||
    types.length <= MAX_OPERANDS ||
    types.length > LIMITS.arguments ||
    arch === undefined ||
    PROCESSORS[arch].wordBits !== 64
  )
    return text;
  try {
    const parsed = types.map(parseCType);
    return argumentString(arch, parsed) === text ? argumentString(arch, parsed, parsed.length) : text;
  } catch {
    // A type of a later version.
    return text;
  }
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
