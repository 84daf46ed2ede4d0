/**
 * From values to a DOF document.
 *
 *     header          64 bytes
 *     section headers 32 bytes each
 *     STRTAB          all strings
 *     per provider    PROBES, PRARGS, PROFFS, PRENOFFS if there are is-enabled offsets, PROVIDER,
 *                     and where addresses are relocated RELTAB, URELHDR
 *
 * Everything that the format can hold is written; what systems make of it is validate.ts' concern.
 * https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/sys/dtrace.h (DOF)
 */

import * as dof from './constants.ts';
import type { DofDocument, DofProbe, DofProvider } from './document.ts';
import { DofSections, DofStrings } from './sections.ts';
import {
  type DofProbeEntry,
  type DofView,
  dofView,
  writeHdr,
  writeProbe,
  writeProvider,
  writeRelodesc,
  writeRelohdr,
  writeSec,
} from './structures.ts';

const STRTAB = { type: dof.DOF_SECT_STRTAB, align: 1, entsize: 0 } as const;
const PROBES = { type: dof.DOF_SECT_PROBES, align: 8, entsize: dof.SIZE.probe } as const;
const PRARGS = { type: dof.DOF_SECT_PRARGS, align: 1, entsize: 1 } as const;
const PROFFS = { type: dof.DOF_SECT_PROFFS, align: 4, entsize: dof.SIZE.offset } as const;
const PRENOFFS = { type: dof.DOF_SECT_PRENOFFS, align: 4, entsize: dof.SIZE.offset } as const;
const PROVIDER = { type: dof.DOF_SECT_PROVIDER, align: 4, entsize: dof.SIZE.provider } as const;
const RELTAB = { type: dof.DOF_SECT_RELTAB, align: 8, entsize: dof.SIZE.relodesc } as const;
const URELHDR = { type: dof.DOF_SECT_URELHDR, align: 4, entsize: 0 } as const;

/** The contents of a provider's sections. */
interface ProviderParts {
  readonly provider: DofProvider;
  readonly name: number;
  readonly entries: readonly DofProbeEntry<number | bigint>[];
  readonly args: readonly number[];
  readonly offsets: readonly number[];
  readonly enabledOffsets: readonly number[];
  /** Indices of its sections; 0 for none. */
  readonly probes: number;
  readonly prargs: number;
  readonly proffs: number;
  readonly prenoffs: number;
  readonly self: number;
  readonly reltab: number;
  readonly urelhdr: number;
}

/**
 * @throws RangeError for what the format cannot hold: a count, offset, index or attribute word that is too large, a NUL
 *   in a string, is-enabled offsets in version 1, an address of more than 32 bits in ILP32, a mapping to an argument
 *   that is not there.
 */
export function encodeDof(document: DofDocument): Uint8Array {
  const { version, encoding, model, relocated } = document;
  const strings = new DofStrings();
  const contents = document.providers.map((provider) => gather(provider, document, strings));

  const list = new DofSections();
  list.add(STRTAB, strings.size);
  const parts: ProviderParts[] = contents.map((content) => {
    const probes = list.add(PROBES, content.entries.length * PROBES.entsize);
    // Never empty: libusdt and libdtrace write a byte that nobody reads, too.
    const prargs = list.add(PRARGS, Math.max(1, content.args.length));
    const proffs = list.add(PROFFS, content.offsets.length * PROFFS.entsize);
    const count = content.enabledOffsets.length;
    const prenoffs = count > 0 ? list.add(PRENOFFS, count * PRENOFFS.entsize) : 0;
    const entsize = version === 1 ? dof.SIZE.provider1 : dof.SIZE.provider;
    const self = list.add({ ...PROVIDER, entsize }, entsize);
    const reltab = relocated ? list.add(RELTAB, content.entries.length * RELTAB.entsize) : 0;
    const urelhdr = relocated ? list.add(URELHDR, dof.SIZE.relohdr) : 0;
    return { ...content, probes, prargs, proffs, prenoffs, self, reltab, urelhdr };
  });
  const { sections, size } = list.finish();

  const bytes = new Uint8Array(size);
  const view = dofView(bytes, encoding);
  bytes.set([
    ...dof.DOF_MAG,
    model === 'ILP32' ? dof.DOF_MODEL_ILP32 : dof.DOF_MODEL_LP64,
    encoding === 'LSB' ? dof.DOF_ENCODE_LSB : dof.DOF_ENCODE_MSB,
    version,
    dof.DIF_VERSION_2,
    dof.DIF_DIR_NREGS,
    dof.DIF_DTR_NREGS,
  ]);
  writeHdr(view, {
    flags: 0,
    hdrsize: dof.SIZE.hdr,
    secsize: dof.SIZE.sec,
    secnum: sections.length,
    secoff: dof.SIZE.hdr,
    loadsz: size,
    filesz: size,
    pad: 0,
  });
  sections.forEach((section, index) => {
    writeSec(view, dof.SIZE.hdr + index * dof.SIZE.sec, section);
  });
  strings.write(bytes, sections[0]!.offset);
  for (const part of parts) {
    writeParts(view, version, part, (index) => sections[index]!.offset);
  }
  return bytes;
}

type Content = Pick<ProviderParts, 'provider' | 'name' | 'entries' | 'args' | 'offsets' | 'enabledOffsets'>;

function gather(provider: DofProvider, document: DofDocument, strings: DofStrings): Content {
  for (const [name, word] of Object.entries(provider.attributes)) check(name, word, 32);
  const args: number[] = [];
  const offsets: number[] = [];
  const enabledOffsets: number[] = [];
  const entries = provider.probes.map((probe): DofProbeEntry<number | bigint> => {
    checkProbe(probe, document);
    const entry = {
      addr: probe.addr,
      func: strings.add(probe.function),
      name: strings.add(probe.name),
      nargv: strings.addRun(probe.nativeTypes),
      xargv: strings.addRun(probe.translatedTypes),
      argidx: args.length,
      offidx: offsets.length,
      nargc: probe.nativeTypes.length,
      xargc: probe.translatedTypes.length,
      noffs: probe.offsets.length,
      enoffidx: enabledOffsets.length,
      nenoffs: probe.enabledOffsets.length,
    };
    args.push(...probe.mapping);
    offsets.push(...probe.offsets);
    enabledOffsets.push(...probe.enabledOffsets);
    return entry;
  });
  // Without a section of them, kernels want every index into it to be 0: with none at all, it is.
  return { provider, name: strings.add(provider.name), entries, args, offsets, enabledOffsets };
}

function checkProbe(probe: DofProbe, { version, model }: DofDocument): void {
  const { name, nativeTypes, translatedTypes, mapping, offsets, enabledOffsets } = probe;
  if (version === 1 && enabledOffsets.length > 0) {
    throw new RangeError(`probe ${name}: version 1 has no is-enabled offsets`);
  }
  if (mapping.length !== translatedTypes.length) {
    throw new RangeError(`probe ${name}: ${mapping.length} mappings for ${translatedTypes.length} types`);
  }
  for (const index of mapping) {
    if (!(Number.isInteger(index) && index >= 0 && index < nativeTypes.length)) {
      throw new RangeError(`probe ${name}: no native argument ${index}`);
    }
  }
  check('number of native arguments', nativeTypes.length, 8);
  check('number of translated arguments', translatedTypes.length, 8);
  check('number of offsets', offsets.length, 16);
  check('number of is-enabled offsets', enabledOffsets.length, 16);
  for (const offset of [...offsets, ...enabledOffsets]) check('offset', offset, 32);
  check('address', probe.addr, model === 'ILP32' ? 32 : 64);
}

function check(what: string, value: number | bigint, bits: 8 | 16 | 32 | 64): void {
  const fits =
    typeof value === 'bigint'
      ? BigInt.asUintN(bits, value) === value
      : Number.isSafeInteger(value) && value >= 0 && value < 2 ** bits;
  if (!fits) {
    throw new RangeError(`${what} must be an integer of ${bits} bits: ${value}`);
  }
}

function writeParts(
  view: DofView,
  version: number,
  part: ProviderParts,
  offsetOf: (section: number) => number,
): void {
  const { bytes, little } = view;
  const { entries, args, offsets, enabledOffsets } = part;
  const words = (section: number, values: readonly number[]): void => {
    const start = offsetOf(section);
    for (let i = 0; i < values.length; i++) bytes.setUint32(start + i * 4, values[i]!, little);
  };
  const probes = offsetOf(part.probes);
  for (let i = 0; i < entries.length; i++) writeProbe(view, probes + i * PROBES.entsize, entries[i]!);
  const prargs = offsetOf(part.prargs);
  for (let i = 0; i < args.length; i++) bytes.setUint8(prargs + i, args[i]!);
  words(part.proffs, offsets);
  if (part.prenoffs !== 0) words(part.prenoffs, enabledOffsets);
  writeProvider(view, offsetOf(part.self), version, {
    ...part.provider.attributes,
    strtab: 0,
    probes: part.probes,
    prargs: part.prargs,
    proffs: part.proffs,
    name: part.name,
    prenoffs: part.prenoffs,
  });
  if (part.urelhdr === 0) return;
  const reltab = offsetOf(part.reltab);
  for (let i = 0; i < entries.length; i++) {
    writeRelodesc(view, reltab + i * RELTAB.entsize, {
      name: 0,
      type: dof.DOF_RELO_SETX,
      // Of dofpr_addr, the first field.
      offset: i * PROBES.entsize,
      data: 0,
    });
  }
  writeRelohdr(view, offsetOf(part.urelhdr), { strtab: 0, relsec: part.reltab, tgtsec: part.probes });
}
