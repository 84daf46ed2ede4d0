/**
 * DOF document -> probe sites, and what is wrong with it.
 *
 * A document says where its probes are as addresses plus offsets. In an ELF file the address is one of the file, or,
 * on FreeBSD, counts from the word that holds it. On macOS the offsets count from the document itself. On x86, xnu expects
 * offset + 1 for a probe, since Apple's linker notes the place of a call's operand; and offset - 2 for an is-enabled probe,
 * whose answer follows an instruction of two bytes.
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/dev/dtrace/fasttrap.c (fasttrap_meta_create_probe)
 */

import {
  type DecodedDof,
  type DecodedProbe,
  DOF_RULES,
  type DofEffect,
  DofError,
  type DofFormat,
  type DofSystemName,
  decodeDof,
  READERS,
  sdtName,
  splitDofs,
  validateDof,
} from 'libusdt/codecs';
import type { CodeSpace } from './code-space.ts';
import { type Convention, conventionArguments } from './convention.ts';
import type { Quota } from './limits.ts';
import type { ProbeArgument, ProbeSite, TranslatedArgument } from './probe.ts';

/** Whether a probe is of interest, by the names in its SDT note. */
export type ProbeFilter = (site: Pick<ProbeSite, 'provider' | 'name' | 'sdtProvider' | 'sdtName'>) => boolean;

/** A section with documents, and the file around it. */
export interface DofSection {
  readonly bytes: Uint8Array;
  /** Of its first byte. */
  readonly address: bigint;
  readonly encoding: DofFormat['encoding'];
  /** Who may have made the file. */
  readonly systems: readonly DofSystemName[];
  readonly convention: Convention;
  readonly space: CodeSpace;
  /** What DTrace will show as the module. */
  readonly module: string | undefined;
  /** Why nothing in the file can be traced here. */
  readonly untraceable: string | undefined;
}

export interface DofProbes {
  readonly sites: readonly ProbeSite[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Findings that are told of one document: the first say enough. */
const MOST_FINDINGS = 5;
const SYSTEMS: Readonly<Record<DofSystemName, string>> = {
  darwin: 'macOS',
  illumos: 'illumos',
  freebsd: 'FreeBSD',
  linux: 'Linux',
};
const EFFECTS: Readonly<Record<DofEffect, string>> = {
  refused: 'refuses the document',
  dropped: 'leaves that out silently',
  wrong: 'takes it otherwise than it is meant',
};

/** The probes of all documents of a section. What can't be read of one does not keep the others from being listed. */
export function probesOfDof(section: DofSection, quota: Quota, wanted?: ProbeFilter): DofProbes {
  const sites: ProbeSite[] = [];
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const bytes of splitDofs(section.bytes)) {
    if (!quota.hasTime()) break;
    const address = section.address + BigInt(bytes.byteOffset - section.bytes.byteOffset);
    const findings = judge(bytes, section);
    try {
      for (const site of sitesOf(decodeDof(bytes), address, section, quota, wanted)) sites.push(site);
      warnings.push(...findings);
    } catch (error) {
      if (!(error instanceof DofError)) throw error;
      problems.push(`its DOF document can't be read: ${error.message}`, ...findings);
    }
  }
  return { sites, problems, warnings };
}

/** What the system says that is content with most of it, where there are several. */
function judge(bytes: Uint8Array, { systems, encoding }: DofSection): string[] {
  const verdicts = systems.map((system) => ({ system, findings: validateDof(bytes, system, { encoding }) }));
  const { system, findings } = verdicts.reduce((best, other) =>
    other.findings.length < best.findings.length ? other : best,
  );
  const texts = findings.slice(0, MOST_FINDINGS).map(({ rule, effect, detail }) => {
    const who = systems.length === 1 ? `DTrace on ${SYSTEMS[system]}` : 'DTrace';
    return `its DOF document breaks the rule ${rule} (${DOF_RULES[rule]}): ${detail}; ${who} ${EFFECTS[effect]}`;
  });
  const more = findings.length - texts.length;
  return more > 0 ? [...texts, `its DOF document breaks rules ${more} times more`] : texts;
}

function sitesOf(
  { model, providers }: DecodedDof,
  document: bigint,
  section: DofSection,
  quota: Quota,
  wanted: ProbeFilter | undefined,
): ProbeSite[] {
  const { convention, space, module } = section;
  const sites: ProbeSite[] = [];
  for (const { name: provider, probes } of providers) {
    for (const probe of probes) {
      const names = {
        provider,
        name: probe.name,
        sdtProvider: sdtName(provider),
        sdtName: sdtName(probe.name),
      };
      if (wanted && !wanted(names)) continue;
      const place = addressing(probe, document, convention);
      const args = conventionArguments(probe.nativeTypes, {
        ...convention,
        class: model === 'ILP32' ? 32 : 64,
      });
      const common = {
        ...names,
        formats: ['dof'] as const,
        module,
        function: probe.function === '' ? undefined : probe.function,
        enabledAddresses: probe.enabledOffsets.map((offset) => place(offset, true)),
        semaphoreAddress: undefined,
        semaphoreOffset: undefined,
        arguments: args,
        translated: translation(probe),
        argumentText: argumentText(args),
      };
      const addresses = probe.offsets.map((offset) => place(offset, false));
      for (const address of addresses.length > 0 ? addresses : [undefined]) {
        if (!quota.take(args.length)) return sites;
        const offset = address === undefined ? undefined : space.offsetOf(address);
        const untraceable = section.untraceable ?? obstacle(address, offset);
        sites.push({ ...common, address, offset, untraceable, code: space.codeAt(offset) });
      }
    }
  }
  return sites;
}

/** What keeps a site of a file for this system from being traced. */
export function obstacle(address: bigint | undefined, offset: bigint | undefined): string | undefined {
  if (address === undefined) return 'the program asks whether it is enabled, but never fires it';
  return offset === undefined ? 'it is not in a loaded segment' : undefined;
}

/** Addresses of a probe's offsets. */
function addressing(
  { addr, addrFrom }: DecodedProbe,
  document: bigint,
  { arch, class: width, darwin }: Convention,
): (offset: number, enabled: boolean) => bigint {
  if (!darwin) {
    const base = addrFrom === undefined ? addr : addr + document + BigInt(addrFrom);
    return (offset) => BigInt.asUintN(width, base + BigInt(offset));
  }
  return (offset, enabled) => {
    const address = document + BigInt(offset | 0);
    return BigInt.asUintN(width, arch === undefined ? address : READERS[arch].appleSite(address, enabled));
  };
}

/** Undefined for the identity. */
export function translation({
  nativeTypes,
  translatedTypes,
  mapping,
}: Pick<DecodedProbe, 'nativeTypes' | 'translatedTypes' | 'mapping'>): TranslatedArgument[] | undefined {
  const same =
    translatedTypes.length === nativeTypes.length &&
    translatedTypes.every((type, index) => type === nativeTypes[index] && mapping[index] === index);
  return same ? undefined : translatedTypes.map((type, index) => ({ type, argument: mapping[index]! }));
}

/** As an SDT note would have it. */
function argumentText(args: readonly ProbeArgument[]): string {
  return args
    .map(({ size, signed, float, operand }) => `${signed ? '-' : ''}${size}${float ? 'f' : ''}@${operand}`)
    .join(' ');
}
