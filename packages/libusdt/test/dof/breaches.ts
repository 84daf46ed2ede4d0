/**
 * For each rule, documents that break it and no other, and what the systems make of them.
 */
import type { DofDocument } from '../../src/dof/document.ts';
import { encodeDof } from '../../src/dof/encode.ts';
import type { DofEffect, DofRule } from '../../src/dof/rules.ts';
import type { DofSystemName } from '../../src/dof/systems.ts';
import { PLAIN, plain, plainWith } from './definitions.ts';

export const SYSTEMS: readonly DofSystemName[] = ['darwin', 'illumos', 'freebsd', 'linux'];
/** The version that suits each. */
export const VERSION = { darwin: 3, illumos: 2, freebsd: 2, linux: 3 } as const;

/** The sections of the plain document, in the order of encodeDof. */
const SECTION = {
  strtab: 0,
  probes: 1,
  prargs: 2,
  proffs: 3,
  prenoffs: 4,
  provider: 5,
  reltab: 6,
  urelhdr: 7,
};
/** Where a field is in its structure, as <sys/dtrace.h> has it. */
const SEC = { type: 0, align: 4, flags: 8, entsize: 12, offset: 16, size: 24 };

class Patch {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number, value: number): void {
    this.#view.setUint8(at, value);
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  u64(at: number, value: number): void {
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  header(section: keyof typeof SECTION, field: keyof typeof SEC, value: number): void {
    const at = 64 + SECTION[section] * 32 + SEC[field];
    if (field === 'offset' || field === 'size') this.u64(at, value);
    else this.u32(at, value);
  }

  size(section: keyof typeof SECTION): number {
    return this.#view.getUint32(64 + SECTION[section] * 32 + SEC.size, true);
  }

  /** Where a section's bytes begin. */
  start(section: keyof typeof SECTION): number {
    return this.#view.getUint32(64 + SECTION[section] * 32 + SEC.offset, true);
  }
}

export interface Breach {
  readonly rule: DofRule;
  readonly how: string;
  /** What the systems make of it; those that are not named take it. */
  readonly effects: Partial<Record<DofSystemName, DofEffect>>;
  readonly document?: DofDocument;
  readonly change?: (patch: Patch) => void;
  readonly module?: string;
  /** The version, where it is not the one that suits. */
  readonly version?: 1 | 2 | 3;
  /** Those that are asked, if not all. */
  readonly systems?: readonly DofSystemName[];
}

const all = (effect: DofEffect): Record<DofSystemName, DofEffect> => ({
  darwin: effect,
  illumos: effect,
  freebsd: effect,
  linux: effect,
});
const REFUSED = all('refused');
const RELOCATING = { illumos: 'refused', freebsd: 'refused', linux: 'refused' } as const;
const KERNELS = { darwin: 'wrong', illumos: 'wrong', freebsd: 'wrong' } as const;
const long = (length: number): string => 'x'.repeat(length);

function ident(at: number, value: number): Pick<Breach, 'change'> {
  return { change: (patch) => patch.u8(at, value) };
}
function header(
  section: keyof typeof SECTION,
  field: keyof typeof SEC,
  value: number | ((patch: Patch) => number),
): Pick<Breach, 'change'> {
  return {
    change: (patch) => patch.header(section, field, typeof value === 'number' ? value : value(patch)),
  };
}
/** A word of a section's contents. */
function word(section: keyof typeof SECTION, at: number, value: number): Pick<Breach, 'change'> {
  return { change: (patch) => patch.u32(patch.start(section) + at, value) };
}

export const BREACHES: readonly Breach[] = [
  { rule: 'size', how: 'a load size smaller than a header', effects: REFUSED, change: (p) => p.u64(40, 63) },
  {
    rule: 'size',
    how: 'a load size beyond its bytes',
    effects: REFUSED,
    change: (p) => p.u64(40, p.bytes.length + 1),
  },
  { rule: 'size', how: 'half a GiB', effects: REFUSED, change: (p) => p.u64(40, 2 ** 29) },
  { rule: 'magic', how: 'ELF', effects: REFUSED, ...ident(1, 0x45) },
  { rule: 'model', how: 'none', effects: REFUSED, ...ident(4, 0) },
  { rule: 'model', how: 'a third', effects: REFUSED, ...ident(4, 3) },
  { rule: 'encoding', how: 'none', effects: REFUSED, ...ident(5, 0) },
  { rule: 'encoding', how: 'big-endian', effects: REFUSED, document: plain({ encoding: 'MSB' }) },
  { rule: 'version', how: '4', effects: REFUSED, version: 3, ...ident(6, 4) },
  {
    rule: 'version',
    how: '2',
    systems: ['darwin', 'illumos', 'freebsd'],
    effects: { darwin: 'refused' },
    version: 2,
    document: plain({ relocated: false }),
  },
  { rule: 'dif-version', how: '3', effects: REFUSED, ...ident(7, 3) },
  { rule: 'dif-version', how: '1', effects: REFUSED, ...ident(7, 1) },
  { rule: 'dif-registers', how: '9 integers', effects: REFUSED, ...ident(8, 9) },
  { rule: 'dif-registers', how: '9 tuples', effects: REFUSED, ...ident(9, 9) },
  { rule: 'ident-padding', how: 'the first', effects: REFUSED, ...ident(10, 1) },
  { rule: 'ident-padding', how: 'the last', effects: REFUSED, ...ident(15, 1) },
  { rule: 'flags', how: 'one', effects: REFUSED, change: (p) => p.u32(16, 1) },
  { rule: 'section-header-size', how: '0', effects: REFUSED, change: (p) => p.u32(24, 0) },
  { rule: 'section-headers', how: 'too many', effects: REFUSED, change: (p) => p.u32(28, 10_000) },
  { rule: 'section-headers', how: 'too far', effects: REFUSED, change: (p) => p.u64(32, 2 ** 40) },
  { rule: 'section-headers', how: 'misaligned', effects: REFUSED, change: (p) => p.u64(32, 68) },
  {
    rule: 'load-flag',
    how: 'missing',
    effects: RELOCATING,
    document: plain({ relocated: true }),
    ...header('reltab', 'flags', 0),
  },
  { rule: 'section-alignment', how: '3', effects: REFUSED, ...header('prargs', 'align', 3) },
  { rule: 'section-alignment', how: '0', effects: REFUSED, ...header('prargs', 'align', 0) },
  {
    rule: 'section-alignment',
    how: 'not kept',
    effects: REFUSED,
    ...header('probes', 'offset', (p) => p.start('probes') + 4),
  },
  { rule: 'section-range', how: 'too large', effects: REFUSED, ...header('proffs', 'size', 2 ** 20) },
  { rule: 'section-range', how: 'too far', effects: REFUSED, ...header('proffs', 'offset', 2 ** 20) },
  {
    rule: 'string-table-end',
    how: 'cut',
    effects: REFUSED,
    ...header('strtab', 'size', (p) => p.size('strtab') - 1),
  },
  { rule: 'relocation-header', how: 'too small', effects: RELOCATING, ...header('urelhdr', 'size', 8) },
  { rule: 'relocation-header', how: 'aligned to 8', effects: RELOCATING, ...header('urelhdr', 'align', 8) },
  {
    rule: 'relocation-header',
    how: 'no strings',
    effects: RELOCATING,
    ...word('urelhdr', 0, SECTION.probes),
  },
  { rule: 'relocation-header', how: 'no table', effects: RELOCATING, ...word('urelhdr', 4, SECTION.probes) },
  { rule: 'relocation-header', how: 'no target', effects: RELOCATING, ...word('urelhdr', 8, 99) },
  { rule: 'relocation-table', how: 'small entries', effects: RELOCATING, ...header('reltab', 'entsize', 16) },
  { rule: 'relocation-table', how: 'aligned to 4', effects: RELOCATING, ...header('reltab', 'align', 4) },
  { rule: 'relocation-type', how: '7', effects: RELOCATING, ...word('reltab', 4, 7) },
  { rule: 'relocation-target', how: 'outside', effects: RELOCATING, ...word('reltab', 8, 92) },
  { rule: 'relocation-target', how: 'misaligned', effects: RELOCATING, ...word('reltab', 8, 4) },
  {
    rule: 'relocated-word',
    how: 'types',
    effects: { illumos: 'wrong', freebsd: 'wrong', linux: 'wrong' },
    ...word('reltab', 8, 16),
  },
  {
    rule: 'enabling',
    how: 'aligned to 4',
    effects: { darwin: 'refused', illumos: 'refused', freebsd: 'refused' },
    ...header('urelhdr', 'type', 3),
  },
  {
    rule: 'outside',
    how: 'a provider that is not loaded',
    systems: ['darwin'],
    effects: { darwin: 'wrong' },
    change: (p) => {
      p.header('provider', 'flags', 0);
      p.header('provider', 'offset', 2 ** 20);
    },
  },
  {
    rule: 'no-provider',
    how: 'none',
    effects: all('dropped'),
    document: plain({ providers: [], relocated: false }),
  },
  { rule: 'provider-section', how: 'too small', effects: REFUSED, ...header('provider', 'size', 36) },
  { rule: 'section-reference', how: 'probes', effects: REFUSED, ...word('provider', 4, SECTION.strtab) },
  { rule: 'section-reference', how: 'no such', effects: REFUSED, ...word('provider', 12, 1000) },
  {
    rule: 'section-reference',
    how: 'no such is-enabled offsets',
    effects: REFUSED,
    ...word('provider', 40, 0xffff_ffff),
  },
  {
    rule: 'section-reference',
    how: 'not loaded',
    systems: ['darwin'],
    effects: { darwin: 'refused' },
    document: plain({ relocated: false }),
    ...header('prargs', 'flags', 0),
  },
  { rule: 'provider-name', how: 'outside', effects: REFUSED, ...word('provider', 16, 4000) },
  { rule: 'provider-name', how: '64 bytes', effects: REFUSED, document: plainWith({ name: long(64) }) },
  { rule: 'probe-entry-size', how: 'no probes', effects: REFUSED, document: plainWith({ probes: [] }) },
  {
    rule: 'probe-entry-size',
    how: '44',
    effects: REFUSED,
    document: plain({ relocated: false }),
    ...header('probes', 'entsize', 44),
  },
  {
    rule: 'probe-entry-size',
    how: '52',
    effects: REFUSED,
    document: plain({ relocated: false }),
    ...header('probes', 'entsize', 52),
  },
  {
    rule: 'probe-entry-size',
    how: '40, of one',
    effects: all('wrong'),
    document: plain({ relocated: false }),
    change: (p) => {
      p.header('probes', 'entsize', 40);
      p.header('probes', 'size', 40);
    },
  },
  { rule: 'offset-entry-size', how: '8', effects: REFUSED, ...header('proffs', 'entsize', 8) },
  {
    rule: 'offset-entry-size',
    how: 'is-enabled, 2',
    effects: all('wrong'),
    ...header('prenoffs', 'entsize', 2),
  },
  { rule: 'argument-entry-size', how: '2', effects: REFUSED, ...header('prargs', 'entsize', 2) },
  { rule: 'function-name', how: 'outside', effects: REFUSED, ...word('probes', 8, 4000) },
  {
    rule: 'function-name',
    how: '128 bytes',
    effects: { darwin: 'refused', illumos: 'refused', linux: 'refused' },
    document: plainWith({}, { function: long(128) }),
  },
  {
    rule: 'function-name',
    how: '192 bytes',
    effects: { ...REFUSED, freebsd: 'dropped' },
    document: plainWith({}, { function: long(192) }),
  },
  { rule: 'probe-name', how: 'outside', effects: REFUSED, ...word('probes', 12, 4000) },
  { rule: 'probe-name', how: '64 bytes', effects: REFUSED, document: plainWith({}, { name: long(64) }) },
  { rule: 'probe-offsets', how: 'outside', effects: REFUSED, ...word('probes', 28, 2) },
  { rule: 'enabled-offsets', how: 'outside', effects: REFUSED, ...word('probes', 48 + 36, 1) },
  { rule: 'enabled-offsets', how: 'without a section', effects: REFUSED, ...word('provider', 40, 0) },
  { rule: 'no-offset', how: 'none', effects: REFUSED, document: plainWith({}, { offsets: [] }) },
  { rule: 'argument-map', how: 'outside', effects: REFUSED, ...word('probes', 24, 1) },
  {
    rule: 'argument-map',
    how: 'nargc',
    effects: all('wrong'),
    change: (p) => p.u8(p.start('prargs') + 1, 2),
  },
  { rule: 'argument-map', how: 'too large', effects: REFUSED, change: (p) => p.u8(p.start('prargs') + 1, 3) },
  { rule: 'native-types', how: 'outside', effects: REFUSED, ...word('probes', 16, 4000) },
  {
    rule: 'native-types',
    how: '128 bytes',
    effects: REFUSED,
    document: plainWith({}, { nativeTypes: ['int', long(128)] }),
  },
  { rule: 'translated-types', how: 'outside', effects: REFUSED, ...word('probes', 20, 4000) },
  {
    rule: 'translated-types',
    how: '128 bytes',
    effects: REFUSED,
    document: plainWith({}, { translatedTypes: [long(128), 'int'] }),
  },
  {
    rule: 'provider-name-length',
    how: '54 bytes',
    effects: all('dropped'),
    document: plainWith({ name: long(54) }),
  },
  {
    rule: 'provider-name-characters',
    how: 'a digit first',
    effects: all('dropped'),
    document: plainWith({ name: '9web' }),
  },
  {
    rule: 'provider-name-characters',
    how: 'a blank',
    effects: all('dropped'),
    document: plainWith({ name: 'w eb' }),
  },
  {
    rule: 'provider-name-characters',
    how: 'a slash',
    effects: { ...all('dropped'), linux: 'refused' },
    document: plainWith({ name: 'w/b' }),
  },
  { rule: 'reserved-provider', how: 'pid', effects: all('dropped'), document: plainWith({ name: 'pid' }) },
  {
    rule: 'reserved-provider',
    how: 'objc',
    effects: { darwin: 'dropped' },
    document: plainWith({ name: 'objc' }),
  },
  {
    rule: 'attributes',
    how: 'stability 8',
    effects: { darwin: 'dropped', illumos: 'dropped', freebsd: 'dropped' },
    document: plainWith({ attributes: { ...PLAIN.providers[0]!.attributes, nameattr: 0x05080400 } }),
  },
  {
    rule: 'name-is-file',
    how: 'no function',
    effects: { linux: 'refused' },
    document: plainWith({}, { function: '' }),
  },
  {
    rule: 'name-is-file',
    how: 'two dots',
    effects: { linux: 'refused' },
    document: plainWith({}, { function: '..' }),
  },
  {
    rule: 'name-is-file',
    how: 'a slash',
    effects: { linux: 'refused' },
    document: plainWith({}, { name: 'a/b' }),
  },
  { rule: 'name-is-file', how: 'a module with a slash', effects: { linux: 'refused' }, module: 'a/b' },
  { rule: 'module-name', how: '64 bytes', effects: all('dropped'), module: long(64) },
  {
    rule: 'duplicate-offset',
    how: 'offsets',
    effects: { ...all('dropped'), linux: 'refused' },
    document: plainWith({}, { offsets: [4, 4] }),
  },
  {
    rule: 'offset-span',
    how: 'one negative',
    effects: { ...all('dropped'), linux: 'refused' },
    document: plainWith({}, { offsets: [4, 2 ** 32 - 4] }),
  },
  {
    rule: 'duplicate-probe',
    how: 'in one provider',
    effects: { illumos: 'dropped', freebsd: 'dropped', linux: 'refused' },
    document: plainWith({}, { function: 'reply', name: 'request-done' }),
  },
  {
    rule: 'enabled-version',
    how: '2',
    systems: ['illumos', 'freebsd', 'linux'],
    effects: { linux: 'dropped' },
    version: 2,
    document: plain({ relocated: false }),
  },
  {
    rule: 'argument-count',
    how: '11',
    effects: { linux: 'wrong' },
    document: plainWith({}, { nativeTypes: Array.from({ length: 11 }, () => 'int') }),
  },
  { rule: 'argument-order', how: 'swapped', effects: KERNELS, document: plainWith({}, { mapping: [1, 0] }) },
];

/** The bytes of a document, changed as the breach has it. */
export function bytesFor(
  { document = PLAIN, change, version }: Partial<Breach>,
  system: DofSystemName,
): Uint8Array {
  const patch = new Patch(encodeDof({ ...document, version: version ?? VERSION[system] }));
  change?.(patch);
  return patch.bytes;
}
