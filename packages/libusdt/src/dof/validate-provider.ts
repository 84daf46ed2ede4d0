/**
 * The rules for one provider and its probes: what the kernel looks at before it makes them, and what it does not
 * tell when it makes none.
 * @module
 */

import { STABILITIES } from '../provider/attributes.ts';
import * as dof from './constants.ts';
import type { DofAttributes } from './document.ts';
import { canBeFile, type Examined, referred, StringTable, wordsAt } from './examined.ts';
import type { DofRule } from './rules.ts';
import { type DofProbeEntry, type DofSec, readProbe, readProvider } from './structures.ts';

/** A table that may be read: its strings, or its bytes. */
interface Tables {
  readonly strings: StringTable;
  readonly args: DofSec;
  readonly offsets: DofSec;
  readonly enabled: DofSec | undefined;
  /** Runs of type strings that were looked at: probes of one signature share them. */
  readonly runs: Set<number>;
}

/** Thrown where a kernel stops: the document is refused as a whole. */
class Refused {}

/** @param names Of all probes so far, to find duplicates. */
export function checkProvider(document: Examined, section: DofSec, names: Set<string>): void {
  try {
    examineProvider(document, section, names);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

function examineProvider(document: Examined, section: DofSec, names: Set<string>): void {
  const { view, version, system, report } = document;
  const refuse = (rule: DofRule, detail: string): never => {
    report(rule, 'refused', detail);
    throw new Refused();
  };
  const least = version === 1 ? dof.SIZE.provider1 : dof.SIZE.provider;
  if (section.offset % 4n !== 0n || section.size < least || !isReadable(document, section)) {
    refuse('provider-section', `${section.size} bytes at ${section.offset}`);
  }
  const provider = readProvider(view, Number(section.offset), version);
  const follow = (index: number, type: number): DofSec => {
    const found = referred(document, index, type);
    return typeof found === 'string' ? refuse('section-reference', found) : found;
  };
  const probes = follow(provider.probes, dof.DOF_SECT_PROBES);
  const tables: Tables = {
    strings: new StringTable(document, follow(provider.strtab, dof.DOF_SECT_STRTAB)),
    args: follow(provider.prargs, dof.DOF_SECT_PRARGS),
    offsets: follow(provider.proffs, dof.DOF_SECT_PROFFS),
    enabled: provider.prenoffs === 0 ? undefined : follow(provider.prenoffs, dof.DOF_SECT_PRENOFFS),
    runs: new Set(),
  };
  const size =
    tables.strings.length(provider.name) ??
    refuse('provider-name', `its offset is ${provider.name} of ${tables.strings.size}`);
  const name = tables.strings.text(provider.name);
  if (size >= dof.DTRACE_PROVNAMELEN) refuse('provider-name', `"${name}"`);
  checkEntries(probes, tables, version, refuse);

  checkProviderName(document, name, size);
  checkAttributes(document, name, provider);
  const wordSize = probes.entsize;
  for (let i = 0; i < Math.floor(Number(probes.size) / wordSize); i++) {
    const probe = readProbe(view, Number(probes.offset) + i * wordSize, version);
    const label: Label = () => `provider ${name}, probe ${i}`;
    checkProbe(document, tables, probe, label, (rule, detail) => refuse(rule, `${label()}: ${detail}`));
    const functionName = tables.strings.text(probe.func);
    const probeName = probe.name === probe.func ? functionName : tables.strings.text(probe.name);
    if (system.namesAreFiles) {
      for (const text of [functionName, probeName]) {
        if (!canBeFile(text)) report('name-is-file', 'refused', `${label()}: "${text}"`);
      }
    }
    checkProbeSilently(document, tables, probe, label);
    const key = `${name}:${functionName}:${probeName}`;
    if (names.has(key) && system.duplicateProbe !== 'allowed') {
      report('duplicate-probe', system.duplicateProbe, `${label()}: ${key}`);
    }
    names.add(key);
  }
}

/** Which probe it is, for people. */
type Label = () => string;
type Refuse = (rule: DofRule, detail: string) => never;

/** A section without its flag was not checked, and may be anywhere. */
function isReadable({ size }: Examined, section: DofSec): boolean {
  return section.offset + section.size <= size;
}

function checkEntries(
  probes: DofSec,
  { args, offsets, enabled }: Tables,
  version: number,
  refuse: Refuse,
): void {
  const least = version === 1 ? dof.SIZE.probe1 : dof.SIZE.probe;
  if (probes.entsize > probes.size) refuse('probe-entry-size', 'there is no probe');
  if (probes.entsize < least || probes.entsize % 8 !== 0) {
    refuse('probe-entry-size', `entries of ${probes.entsize} bytes`);
  }
  for (const section of enabled ? [offsets, enabled] : [offsets]) {
    if (section.entsize !== dof.SIZE.offset || section.offset % 4n !== 0n) {
      refuse('offset-entry-size', `entries of ${section.entsize} bytes at ${section.offset}`);
    }
  }
  if (args.entsize !== 1) refuse('argument-entry-size', `entries of ${args.entsize} bytes`);
}

function checkProviderName({ system, report }: Examined, name: string, size: number): void {
  // fasttrap_meta_provide: strlen(name) + 10 digits < DTRACE_PROVNAMELEN
  const digits = 10;
  if (size + digits >= dof.DTRACE_PROVNAMELEN) {
    report('provider-name-length', 'dropped', `"${name}" has ${size} bytes`);
  }
  if (!/^[A-Za-z_.-][A-Za-z0-9_.`-]*$/.test(name)) {
    const effect = system.namesAreFiles && !canBeFile(name) ? 'refused' : 'dropped';
    report('provider-name-characters', effect, `"${name}"`);
  }
  if (system.reserved.includes(name)) report('reserved-provider', 'dropped', `"${name}"`);
}

function checkAttributes({ system, report }: Examined, name: string, provider: DofAttributes): void {
  // dtprobed does not look at them.
  if (system.name === 'linux') return;
  const { provattr, modattr, funcattr, nameattr, argsattr } = provider;
  // dtrace_badattr. Classes are capped before that.
  for (const [field, word] of Object.entries({ provattr, modattr, funcattr, nameattr, argsattr })) {
    const [names, data] = [word >>> 24, (word >>> 16) & 0xff];
    if (Math.max(names, data) >= STABILITIES.length) {
      report('attributes', 'dropped', `provider ${name}: ${field} has stability ${Math.max(names, data)}`);
    }
  }
}

function checkProbe(
  document: Examined,
  tables: Tables,
  probe: DofProbeEntry,
  label: Label,
  refuse: Refuse,
): void {
  const { version, system, view, report } = document;
  const { strings, args, offsets, enabled } = tables;
  for (const [rule, at, limit] of [
    ['function-name', probe.func, system.functionLength],
    ['probe-name', probe.name, dof.DTRACE_NAMELEN],
  ] as const) {
    const length = strings.length(at) ?? refuse(rule, `its offset is ${at} of ${strings.size}`);
    if (length >= limit) refuse(rule, `"${strings.text(at)}" has ${length} bytes`);
  }
  if ((probe.offidx + probe.noffs) * dof.SIZE.offset > offsets.size) {
    refuse('probe-offsets', `${probe.noffs} from ${probe.offidx} on, of ${offsets.size} bytes`);
  }
  if (version > 1) {
    const { enoffidx, nenoffs } = probe;
    const room = enabled ? Number(enabled.size) : 0;
    const outside = enabled ? (enoffidx + nenoffs) * dof.SIZE.offset > room : enoffidx !== 0 || nenoffs !== 0;
    if (outside) refuse('enabled-offsets', `${nenoffs} from ${enoffidx} on, of ${room} bytes`);
  }
  if (probe.noffs + probe.nenoffs === 0) refuse('no-offset', label());
  if (probe.argidx + probe.xargc > args.size) {
    refuse('argument-map', `${probe.xargc} from ${probe.argidx} on, of ${args.size} bytes`);
  }
  for (let i = 0; i < probe.xargc; i++) {
    const index = view.bytes.getUint8(Number(args.offset) + probe.argidx + i);
    const detail = `argument ${index} of ${probe.nargc}`;
    if (index > probe.nargc) refuse('argument-map', detail);
    // Only the newest dtprobed refuses this; all others look for a type behind the last.
    if (index === probe.nargc) report('argument-map', 'wrong', `${label()}: ${detail}`);
  }
  checkTypes(tables, probe.nargv, probe.nargc, (detail) => refuse('native-types', detail));
  checkTypes(tables, probe.xargv, probe.xargc, (detail) => refuse('translated-types', detail));
}

function checkTypes(
  { strings, runs }: Tables,
  start: number,
  count: number,
  refuse: (detail: string) => never,
): void {
  // The count is one byte.
  const run = start * 256 + count;
  if (runs.has(run)) return;
  let at = start;
  for (let i = 0; i < count; i++) {
    const length = strings.length(at) ?? refuse(`type ${i} is at ${at} of ${strings.size}`);
    if (length >= dof.DTRACE_ARGTYPELEN) refuse(`"${strings.text(at)}" has ${length} bytes`);
    at += length + 1;
  }
  runs.add(run);
}

/** What becomes of a probe that is well-formed. */
function checkProbeSilently(document: Examined, tables: Tables, probe: DofProbeEntry, label: Label): void {
  const { system, report, version, view } = document;
  const { offsets, enabled } = tables;
  checkOffsets(document, offsets, probe.offidx, probe.noffs, label);
  if (enabled) checkOffsets(document, enabled, probe.enoffidx, probe.nenoffs, label);
  if (probe.nenoffs > 0 && version < system.enabledOffsetsSince) {
    report(
      'enabled-version',
      'dropped',
      `${label()}: ${probe.nenoffs} is-enabled offsets in version ${version}`,
    );
  }
  const { maxArguments } = system;
  const argc = Math.max(probe.nargc, probe.xargc);
  if (argc > maxArguments)
    report('argument-count', 'wrong', `${label()}: ${argc} arguments, ${maxArguments} are read`);
  for (let i = 0; i < probe.xargc && system.name !== 'linux'; i++) {
    const index = view.bytes.getUint8(Number(tables.args.offset) + probe.argidx + i);
    if (index === i || index >= probe.nargc) continue;
    report('argument-order', 'wrong', `${label()}: args[${i}] is native argument ${index}`);
    break;
  }
}

function checkOffsets(document: Examined, section: DofSec, first: number, count: number, label: Label): void {
  // Nearly always there is one.
  if (count <= 1) return;
  const { system, report } = document;
  const list = wordsAt(document, section, first, count);
  if (new Set(list).size < list.length) report('duplicate-offset', system.duplicateOffset, label());
  // uint32_cmp() of fasttrap.c and dtprobed: the difference as a signed number.
  if (Math.max(...list) - Math.min(...list) >= 2 ** 31)
    report('offset-span', system.duplicateOffset, label());
}
