/**
 * Judges a document as a system would that is asked to register it. Kernels answer EINVAL and nothing else, or
 * success and no probes; this says which rule is broken, and where. docs/dof-validation.md has what it was compared
 * with.
 */

import * as dof from './constants.ts';
import type { DofFormat } from './document.ts';
import { byteAt, canBeFile, type Examined, isLoaded, Refused, refuse, sectionsOf } from './examined.ts';
import type { DofFinding, DofRule } from './rules.ts';
import { type DofHdr, type DofView, dofView, OutsideDocument, readHdr } from './structures.ts';
import { DOF_SYSTEMS, type DofSystem, type DofSystemName } from './systems.ts';
import { checkEnabling } from './validate-enabling.ts';
import { checkProvider } from './validate-provider.ts';
import { relocate } from './validate-relocations.ts';

export interface DofValidateOptions {
  /** Byte order of the machine. Default: LSB, as of all that any of these systems still runs on. */
  readonly encoding?: DofFormat['encoding'];
  /** What the document is to be registered as (dofhp_mod). */
  readonly module?: string;
  /** Where the object is loaded that the document belongs to (dofhp_addr). Default: 0, where it says it is. */
  readonly address?: bigint;
  /** Where the document itself is (dofhp_dof). Default: 0. */
  readonly documentAddress?: bigint;
}

/** Most that are reported of one document, but for the one that refuses it. */
const MOST_FINDINGS = 1000;

/**
 * What breaks a rule in the document on that system, up to the first that it is refused for; nothing if it will be
 * taken as it is meant.
 */
export function validateDof(
  bytes: Uint8Array,
  system: DofSystemName,
  options: DofValidateOptions = {},
): DofFinding[] {
  const { encoding = 'LSB', module, address = 0n, documentAddress = 0n } = options;
  const findings: DofFinding[] = [];
  let isRefused = false;
  const report: Examined['report'] = (rule, effect, detail) => {
    // What decides is told, and not how often the same is broken.
    if (findings.length < MOST_FINDINGS || (effect === 'refused' && !isRefused)) {
      findings.push({ rule, effect, detail });
    }
    isRefused ||= effect === 'refused';
  };
  const limits = DOF_SYSTEMS[system];
  if (module !== undefined) checkModule(module, limits, report);
  const hdr = checkHeader(bytes, dofView(bytes, encoding), encoding, limits, report);
  if (hdr === undefined) return findings;
  // A copy, since relocations change it.
  const loaded = new Uint8Array(bytes.subarray(0, Number(hdr.loadsz)));
  const document: Examined = {
    view: dofView(loaded, encoding),
    version: loaded[dof.DOF_ID_VERSION]!,
    system: limits,
    report,
  };
  try {
    checkSections(document);
    if (limits.relocates) relocate(document, { address, documentAddress });
    checkContents(document);
  } catch (error) {
    if (error instanceof OutsideDocument) report('outside', 'wrong', error.message);
    else if (!(error instanceof Refused)) throw error;
  }
  return findings;
}

function checkModule(module: string, { namesAreFiles }: DofSystem, report: Examined['report']): void {
  const size = new TextEncoder().encode(module).length;
  if (size >= dof.DTRACE_MODNAMELEN) report('module-name', 'dropped', `module "${module}" has ${size} bytes`);
  if (namesAreFiles && !canBeFile(module)) report('name-is-file', 'refused', `module "${module}"`);
}

function checkHeader(
  bytes: Uint8Array,
  view: DofView,
  encoding: DofFormat['encoding'],
  { name, versions, difVersions, maxSize, leastSectionHeader }: DofSystem,
  report: Examined['report'],
): DofHdr | undefined {
  const no = (rule: DofRule, detail: string): undefined => void report(rule, 'refused', detail);
  if (bytes.length < dof.SIZE.hdr) return no('size', `${bytes.length} bytes are no header`);
  if (dof.DOF_MAG.some((byte, index) => bytes[index] !== byte)) {
    return no(
      'magic',
      `it begins with ${[...bytes.subarray(0, 4)].map((byte) => byte.toString(16)).join(' ')}`,
    );
  }
  const hdr = readHdr(view);
  const ident = bytes.subarray(0, dof.DOF_ID_SIZE);
  const model = ident[dof.DOF_ID_MODEL]!;
  if (model !== dof.DOF_MODEL_ILP32 && model !== dof.DOF_MODEL_LP64) return no('model', `model ${model}`);
  const wanted = encoding === 'LSB' ? dof.DOF_ENCODE_LSB : dof.DOF_ENCODE_MSB;
  const given = ident[dof.DOF_ID_ENCODING]!;
  // What follows would be read in the wrong order.
  if (given !== wanted) return no('encoding', `encoding ${given}, not ${wanted}`);
  const { loadsz } = hdr;
  if (loadsz < dof.SIZE.hdr) return no('size', `a load size of ${loadsz} bytes is no header`);
  if (loadsz >= maxSize) return no('size', `${loadsz} bytes, less than ${maxSize} are taken`);
  if (loadsz > bytes.length) return no('size', `${loadsz} bytes are to be loaded, ${bytes.length} are there`);
  const version = ident[dof.DOF_ID_VERSION]!;
  if (!versions.includes(version)) return no('version', `version ${version}, not ${versions.join(', ')}`);
  const difVersion = ident[dof.DOF_ID_DIFVERS]!;
  if (!difVersions.includes(difVersion)) {
    return no('dif-version', `version ${difVersion}, not ${difVersions.join(', ')}`);
  }
  for (const [at, most] of [
    [dof.DOF_ID_DIFIREG, dof.DIF_DIR_NREGS],
    [dof.DOF_ID_DIFTREG, dof.DIF_DTR_NREGS],
  ] as const) {
    if (ident[at]! > most) return no('dif-registers', `${ident[at]} registers, ${most} at most`);
  }
  const padding = ident.subarray(dof.DOF_ID_PAD).findIndex((byte) => byte !== 0);
  if (padding !== -1) return no('ident-padding', `byte ${dof.DOF_ID_PAD + padding} is not zero`);
  if (hdr.flags !== 0) return no('flags', `0x${hdr.flags.toString(16)}`);
  const { secsize } = hdr;
  if (secsize < leastSectionHeader || secsize % 8 !== 0) {
    return no('section-header-size', `${secsize} bytes`);
  }
  // Smaller ones are each in the next. DTrace newer than 2.0.7 takes no others.
  if (secsize < dof.SIZE.sec || (name === 'linux' && secsize > dof.SIZE.sec)) {
    report('section-header-size', 'wrong', `${secsize} bytes`);
  }
  if (hdr.secoff + BigInt(hdr.secnum) * BigInt(hdr.secsize) > loadsz) {
    return no('section-headers', `${hdr.secnum} at ${hdr.secoff} are more than ${loadsz} bytes`);
  }
  if (hdr.secoff % 8n !== 0n) return no('section-headers', `they are at ${hdr.secoff}`);
  return hdr;
}

/** dof_sec_t's types that must be loaded: all that have a name, but what is for people. DOF_SEC_ISLOADABLE. */
function mustBeLoaded(type: number): boolean {
  return type >= dof.DOF_SECT_ECBDESC && type <= dof.DOF_SECT_PRENOFFS && type !== dof.DOF_SECT_UTSNAME;
}

function checkSections(document: Examined): void {
  const { view, system } = document;
  const loaded = BigInt(view.bytes.byteLength);
  let index = -1;
  for (const section of sectionsOf(document)) {
    index++;
    const { type, align, offset, size } = section;
    const no = (rule: DofRule, detail: string): never =>
      refuse(document, rule, `section ${index}: ${detail}`);
    if (!isLoaded(section)) {
      if (system.relocates && mustBeLoaded(type)) no('load-flag', `type ${type} without the flag`);
      continue;
    }
    // An alignment of 0 passes where the lower half of the offset is 0, too.
    if ((align & (align - 1)) !== 0) no('section-alignment', `alignment ${align}`);
    if ((offset & BigInt((align - 1) >>> 0)) !== 0n) {
      no('section-alignment', `offset ${offset}, alignment ${align}`);
    }
    if (offset + size > loaded) no('section-range', `${size} bytes at ${offset} of ${loaded}`);
    // Of an empty one they look at the byte before it.
    if (type === dof.DOF_SECT_STRTAB && byteAt(document, Number(offset + size) - 1) !== 0) {
      no('string-table-end', 'its last byte is not zero');
    }
  }
}

function checkContents(document: Examined): void {
  if (document.system.readsEnablings) {
    for (const section of sectionsOf(document)) {
      if (section.type === dof.DOF_SECT_ECBDESC) checkEnabling(document, section);
    }
  }
  const names = new Set<string>();
  let isEmpty = true;
  for (const section of sectionsOf(document)) {
    if (section.type !== dof.DOF_SECT_PROVIDER) continue;
    isEmpty = false;
    checkProvider(document, section, names);
  }
  if (isEmpty) document.report('no-provider', 'dropped', 'no section is of type PROVIDER');
}
