/**
 * Judges a document as a system would that is asked to register it. Kernels answer EINVAL and nothing else, or
 * success and no probes; this says which rule is broken, and where.
 * @module
 */

import * as dof from './constants.ts';
import type { DofFormat } from './document.ts';
import { canBeFile, type Examined, isLoaded, referred } from './examined.ts';
import type { DofFinding, DofRule } from './rules.ts';
import {
  type DofHdr,
  type DofSec,
  type DofView,
  dofView,
  readHdr,
  readRelodesc,
  readRelohdr,
  readSec,
} from './structures.ts';
import { DOF_SYSTEMS, type DofSystem, type DofSystemName } from './systems.ts';
import { checkProvider } from './validate-provider.ts';

export interface DofValidateOptions {
  /** Byte order of the machine. Default: LSB, as of all that any of these systems still runs on. */
  readonly encoding?: DofFormat['encoding'];
  /** What the document is to be registered as (dofhp_mod). */
  readonly module?: string;
}

/** All rules that the document breaks on that system; none if it will be taken as it is meant. */
export function validateDof(
  bytes: Uint8Array,
  system: DofSystemName,
  options: DofValidateOptions = {},
): DofFinding[] {
  const { encoding = 'LSB', module } = options;
  const findings: DofFinding[] = [];
  const report: Examined['report'] = (rule, effect, detail) => void findings.push({ rule, effect, detail });
  const limits = DOF_SYSTEMS[system];
  const view = dofView(bytes, encoding);
  if (module !== undefined) checkModule(module, limits, report);
  const hdr = checkHeader(bytes, view, encoding, limits, report);
  if (hdr === undefined) return findings;
  const examined = {
    view,
    version: bytes[dof.DOF_ID_VERSION]!,
    size: Number(hdr.loadsz),
    system: limits,
    report,
  };
  const sections = checkSections(hdr, examined);
  if (sections === undefined) return findings;
  const document: Examined = { ...examined, sections };
  if (limits.relocates) {
    for (const section of sections) {
      if (
        section.type === dof.DOF_SECT_URELHDR &&
        isLoaded(section) &&
        !checkRelocations(document, section)
      ) {
        return findings;
      }
    }
  }
  const providers = sections.filter(({ type }) => type === dof.DOF_SECT_PROVIDER);
  if (providers.length === 0) report('no-provider', 'dropped', 'no section is of type PROVIDER');
  const names = new Set<string>();
  for (const provider of providers) checkProvider(document, provider, names);
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
  { versions, difVersions, maxSize }: DofSystem,
  report: Examined['report'],
): DofHdr | undefined {
  const refuse = (rule: DofRule, detail: string): undefined => void report(rule, 'refused', detail);
  if (bytes.length < dof.SIZE.hdr) return refuse('size', `${bytes.length} bytes are no header`);
  if (dof.DOF_MAG.some((byte, index) => bytes[index] !== byte)) {
    return refuse(
      'magic',
      `it begins with ${[...bytes.subarray(0, 4)].map((byte) => byte.toString(16)).join(' ')}`,
    );
  }
  const hdr = readHdr(view);
  const ident = bytes.subarray(0, dof.DOF_ID_SIZE);
  const model = ident[dof.DOF_ID_MODEL]!;
  if (model !== dof.DOF_MODEL_ILP32 && model !== dof.DOF_MODEL_LP64) return refuse('model', `model ${model}`);
  const wanted = encoding === 'LSB' ? dof.DOF_ENCODE_LSB : dof.DOF_ENCODE_MSB;
  const given = ident[dof.DOF_ID_ENCODING]!;
  // What follows would be read in the wrong order.
  if (given !== wanted) return refuse('encoding', `encoding ${given}, not ${wanted}`);
  const { loadsz } = hdr;
  if (loadsz < dof.SIZE.hdr) return refuse('size', `a load size of ${loadsz} bytes is no header`);
  if (loadsz >= maxSize) return refuse('size', `${loadsz} bytes, less than ${maxSize} are taken`);
  if (loadsz > bytes.length)
    return refuse('size', `${loadsz} bytes are to be loaded, ${bytes.length} are there`);
  const version = ident[dof.DOF_ID_VERSION]!;
  if (!versions.includes(version)) return refuse('version', `version ${version}, not ${versions.join(', ')}`);
  const difVersion = ident[dof.DOF_ID_DIFVERS]!;
  if (!difVersions.includes(difVersion)) {
    return refuse('dif-version', `version ${difVersion}, not ${difVersions.join(', ')}`);
  }
  for (const [at, most] of [
    [dof.DOF_ID_DIFIREG, dof.DIF_DIR_NREGS],
    [dof.DOF_ID_DIFTREG, dof.DIF_DTR_NREGS],
  ] as const) {
    if (ident[at]! > most) return refuse('dif-registers', `${ident[at]} registers, ${most} at most`);
  }
  const padding = ident.subarray(dof.DOF_ID_PAD).findIndex((byte) => byte !== 0);
  if (padding !== -1) return refuse('ident-padding', `byte ${dof.DOF_ID_PAD + padding} is not zero`);
  if (hdr.flags !== 0) return refuse('flags', `0x${hdr.flags.toString(16)}`);
  if (hdr.secsize !== dof.SIZE.sec) return refuse('section-header-size', `${hdr.secsize} bytes`);
  if (hdr.secoff + BigInt(hdr.secnum) * BigInt(hdr.secsize) > loadsz) {
    return refuse('section-headers', `${hdr.secnum} at ${hdr.secoff} are more than ${loadsz} bytes`);
  }
  if (hdr.secoff % 8n !== 0n) return refuse('section-headers', `they are at ${hdr.secoff}`);
  return hdr;
}

const NOT_LOADABLE: readonly number[] = [dof.DOF_SECT_COMMENTS, dof.DOF_SECT_SOURCE, dof.DOF_SECT_UTSNAME];

function checkSections(hdr: DofHdr, examined: Omit<Examined, 'sections'>): DofSec[] | undefined {
  const { view, size, system, report } = examined;
  const sections: DofSec[] = [];
  for (let index = 0; index < hdr.secnum; index++) {
    const refuse = (rule: DofRule, detail: string): undefined =>
      void report(rule, 'refused', `section ${index}: ${detail}`);
    const section = readSec(view, Number(hdr.secoff) + index * hdr.secsize);
    sections.push(section);
    if (!isLoaded(section)) {
      if (!system.relocates || NOT_LOADABLE.includes(section.type)) continue;
      return refuse('load-flag', `type ${section.type} without the flag`);
    }
    const { align, offset } = section;
    if (align === 0 || (align & (align - 1)) !== 0) return refuse('section-alignment', `alignment ${align}`);
    if (offset % BigInt(align) !== 0n) {
      return refuse('section-alignment', `offset ${offset}, alignment ${align}`);
    }
    if (offset + section.size > size)
      return refuse('section-range', `${section.size} bytes at ${offset} of ${size}`);
    if (section.type === dof.DOF_SECT_STRTAB) {
      const last = Number(offset + section.size) - 1;
      if (section.size === 0n || view.bytes.getUint8(last) !== 0)
        return refuse('string-table-end', 'its last byte is not zero');
    }
  }
  return sections;
}

function checkRelocations(document: Examined, section: DofSec): boolean {
  const { view, report, system } = document;
  const refuse = (rule: DofRule, detail: string): false => {
    report(rule, 'refused', detail);
    return false;
  };
  if (section.size < dof.SIZE.relohdr || section.align !== 4) {
    return refuse('relocation-header', `${section.size} bytes, alignment ${section.align}`);
  }
  const { strtab, relsec, tgtsec } = readRelohdr(view, Number(section.offset));
  const strings = referred(document, strtab, dof.DOF_SECT_STRTAB);
  const table = referred(document, relsec, dof.DOF_SECT_RELTAB);
  const target = referred(document, tgtsec, dof.DOF_SECT_NONE);
  if (typeof strings === 'string') return refuse('relocation-header', strings);
  if (typeof table === 'string') return refuse('relocation-header', table);
  if (typeof target === 'string') return refuse('relocation-header', target);
  const { entsize, align, size, offset: start } = table;
  if (entsize < dof.SIZE.relodesc || align !== 8) {
    return refuse('relocation-table', `entries of ${entsize} bytes, alignment ${align}`);
  }
  for (let i = 0; i < Math.floor(Number(size) / entsize); i++) {
    const { type, offset } = readRelodesc(view, Number(start) + i * entsize);
    if (!system.relocations.includes(type)) return refuse('relocation-type', `entry ${i}: type ${type}`);
    if (type === dof.DOF_RELO_NONE) continue;
    if (offset + 8n > target.size || (target.offset + offset) % 8n !== 0n) {
      return refuse('relocation-target', `entry ${i}: ${offset} of ${target.size} bytes at ${target.offset}`);
    }
  }
  return true;
}
