/**
 * The rules for one provider and its probes: what the kernel looks at before it makes them, and what it does not
 * tell when it makes none.
 */

import { STABILITIES } from '../model/attributes.ts';
import * as dof from './constants.ts';
import type { DofAttributes } from './document.ts';
import { byteAt, canBeFile, type Examined, referred, refuse, StringTable, wordsAt } from './examined.ts';
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

/**
 * @param names Of all probes so far, to find duplicates.
 * @throws Refused, OutsideDocument
 */
export function checkProvider(document: Examined, section: DofSec, names: Set<string>): void {
  const { view, version, system, report } = document;
  const no: Refuse = (rule, detail) => refuse(document, rule, detail);
  const least = version === 1 ? dof.SIZE.provider1 : dof.SIZE.provider;
  if (section.offset % 4n !== 0n || section.size < least) {
    no('provider-section', `${section.size} bytes at ${section.offset}`);
  }
  const provider = readProvider(view, Number(section.offset), version);
  const follow = (index: number, type: number): DofSec => {
    const found = referred(document, index, type);
    return typeof found === 'string' ? no('section-reference', found) : found;
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
    tables.strings.length(provider.name, dof.DTRACE_PROVNAMELEN) ??
    no('provider-name', `its offset is ${provider.name} of ${tables.strings.size}`);
  const name = tables.strings.text(provider.name);
  if (size >= dof.DTRACE_PROVNAMELEN) no('provider-name', `"${name}"`);
  checkEntries(document, probes, tables, no);

  checkProviderName(document, name, size);
  checkAttributes(document, name, provider);
  const count = Math.floor(Number(probes.size) / probes.entsize);
  const entry = (i: number): DofProbeEntry =>
    readProbe(view, Number(probes.offset) + i * probes.entsize, version);
  const labelOf =
    (i: number): Label =>
    () =>
      `provider ${name}, probe ${i}`;
  for (let i = 0; i < count; i++) {
    const label = labelOf(i);
    checkProbe(document, tables, entry(i), label, (rule, detail) => no(rule, `${label()}: ${detail}`));
  }
  // Only then are probes made.
  for (let i = 0; i < count; i++) {
    const probe = entry(i);
    const label = labelOf(i);
    if (tables.strings.length(probe.func, system.functionLength)! >= system.functionLength) continue;
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

function checkEntries(
  { version, report }: Examined,
  probes: DofSec,
  { args, offsets, enabled }: Tables,
  no: Refuse,
): void {
  const { entsize } = probes;
  if (entsize > probes.size) no('probe-entry-size', 'there is no probe');
  if (entsize === 0 || entsize % 8 !== 0) {
    no('probe-entry-size', `entries of ${entsize} bytes`);
  }
  if (entsize < (version === 1 ? dof.SIZE.probe1 : dof.SIZE.probe)) {
    report('probe-entry-size', 'wrong', `entries of ${entsize} bytes: each is in the next`);
  }
  const detail = (section: DofSec): string => `entries of ${section.entsize} bytes at ${section.offset}`;
  const isRight = (section: DofSec): boolean =>
    section.entsize === dof.SIZE.offset && section.offset % 4n === 0n;
  if (!isRight(offsets)) no('offset-entry-size', detail(offsets));
  // They are read as words of 4 bytes, and counted by the size that is given.
  if (enabled && !isRight(enabled)) report('offset-entry-size', 'wrong', detail(enabled));
  if (args.entsize !== 1) no('argument-entry-size', `entries of ${args.entsize} bytes`);
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
  no: Refuse,
): void {
  const { version, system, report } = document;
  const { strings, args, offsets, enabled } = tables;
  for (const [rule, at, limit] of [
    ['function-name', probe.func, system.functionLength],
    ['probe-name', probe.name, dof.DTRACE_NAMELEN],
  ] as const) {
    const length = strings.length(at, limit) ?? no(rule, `its offset is ${at} of ${strings.size}`);
    if (length < limit) continue;
    const detail = `"${strings.text(at)}" has more than ${limit - 1} bytes`;
    if (rule === 'probe-name' || system.longFunction === 'refused') no(rule, detail);
    report(rule, 'dropped', `${label()}: ${detail}`);
  }
  checkRun('probe-offsets', document, offsets, probe.offidx, probe.noffs, label, no);
  if (version > 1) {
    const { enoffidx, nenoffs } = probe;
    if (enabled) checkRun('enabled-offsets', document, enabled, enoffidx, nenoffs, label, no);
    else if (enoffidx !== 0 || nenoffs !== 0) {
      no('enabled-offsets', `${nenoffs} from ${enoffidx} on, without a section`);
    }
  }
  if (probe.noffs + probe.nenoffs === 0) no('no-offset', label());
  if (probe.argidx + probe.xargc > args.size) {
    no('argument-map', `${probe.xargc} from ${probe.argidx} on, of ${args.size} bytes`);
  }
  for (let i = 0; i < probe.xargc; i++) {
    const index = byteAt(document, Number(args.offset) + probe.argidx + i);
    const detail = `argument ${index} of ${probe.nargc}`;
    if (index < probe.nargc) continue;
    if (index > probe.nargc) no('argument-map', detail);
    // Only DTrace newer than 2.0.7 refuses this; all others look for a type behind the last.
    report('argument-map', 'wrong', `${label()}: ${detail}`);
  }
  checkTypes(tables, probe.nargv, probe.nargc, (detail) => no('native-types', detail));
  checkTypes(tables, probe.xargv, probe.xargc, (detail) => no('translated-types', detail));
}

/** Offsets of a probe in their section. Systems reckon in 32 bits, and read what is outside where these overflow. */
function checkRun(
  rule: DofRule,
  { report }: Examined,
  section: DofSec,
  first: number,
  count: number,
  label: Label,
  no: Refuse,
): void {
  const end = first + count;
  const detail = `${count} from ${first} on, of ${section.size} bytes`;
  if (end >= 2 ** 32 || Math.imul(end, section.entsize) >>> 0 > section.size) no(rule, detail);
  if (end * dof.SIZE.offset > section.size) report(rule, 'wrong', `${label()}: ${detail}`);
}

function checkTypes(
  { strings, runs }: Tables,
  start: number,
  count: number,
  no: (detail: string) => never,
): void {
  // The count is one byte.
  const run = start * 256 + count;
  if (runs.has(run)) return;
  let at = start;
  for (let i = 0; i < count; i++) {
    const length =
      strings.length(at, dof.DTRACE_ARGTYPELEN) ?? no(`type ${i} is at ${at} of ${strings.size}`);
    if (length >= dof.DTRACE_ARGTYPELEN) {
      no(`"${strings.text(at)}" has more than ${dof.DTRACE_ARGTYPELEN - 1} bytes`);
    }
    at += length + 1;
  }
  runs.add(run);
}

/** What becomes of a probe that is well-formed. */
function checkProbeSilently(document: Examined, tables: Tables, probe: DofProbeEntry, label: Label): void {
  const { system, report, version } = document;
  const { offsets, enabled } = tables;
  const { addr } = probe;
  checkOffsets(document, offsets, addr, probe.offidx, probe.noffs, label);
  const heeded = version < system.enabledOffsetsSince ? 0 : probe.nenoffs;
  if (enabled) checkOffsets(document, enabled, addr, probe.enoffidx, heeded, label);
  // dtprobed looks at what it makes of the probe once more. What it sorted may have been in one.
  if (probe.noffs + heeded === 0) {
    report('no-offset', 'refused', label());
  } else if (heeded < probe.nenoffs) {
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
    const index = byteAt(document, Number(tables.args.offset) + probe.argidx + i);
    if (index === i || index >= probe.nargc) continue;
    report('argument-order', 'wrong', `${label()}: args[${i}] is native argument ${index}`);
    break;
  }
}

function checkOffsets(
  document: Examined,
  section: DofSec,
  addr: bigint,
  first: number,
  count: number,
  label: Label,
): void {
  // Nearly always there is one. What is outside has been reported.
  if (count <= 1 || (first + count) * dof.SIZE.offset > section.size) return;
  const { system, report, view } = document;
  const start = Number(section.offset) + first * dof.SIZE.offset;
  // Who only validates does not read them.
  if (start + count * dof.SIZE.offset > view.bytes.byteLength) {
    report('outside', 'wrong', `${label()}: ${count} offsets at ${start}`);
    return;
  }
  // uint32_cmp() of fasttrap.c and dtprobed: the difference as a signed number.
  const list = wordsAt(document, section, first, count).sort((a, b) => (a - b) | 0);
  // dtprobed goes on to the next provider with what it has sorted, which may be of that one, too.
  if (system.name === 'linux') {
    list.forEach((offset, i) => {
      view.bytes.setUint32(start + i * dof.SIZE.offset, offset, view.little);
    });
  }
  const places = list.map((offset) => BigInt.asUintN(64, addr + BigInt(offset)));
  const isOrdered = places.every((place, i) => i === 0 || places[i - 1]! < place);
  const isWide = Math.max(...list) - Math.min(...list) >= 2 ** 31;
  if (isOrdered && !isWide) return;
  const rule = new Set(list).size < list.length ? 'duplicate-offset' : 'offset-span';
  // The difference is no order then: what comes of three or more depends on how they are sorted.
  report(rule, isOrdered ? 'wrong' : system.duplicateOffset, label());
}
