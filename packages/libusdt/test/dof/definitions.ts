/**
 * Definitions for the tests of this folder, and an encoder that knows nothing of ours: one section after another,
 * in another order, each string written as often as it occurs.
 */
import fc from 'fast-check';
import type { DofDocument, DofProbe, DofProvider } from '../../src/dof/document.ts';

const name = fc.stringMatching(/^[a-z_][a-z0-9_-]{0,14}[a-z]$/);
const type = fc.constantFrom('int', 'char *', 'uint64_t', 'struct request *', 'request_info_t *', 'größe_t');
const offset = fc.nat(0x7fff_ffff);
const attribute = fc.nat(0xffff_ffff);

const probe: fc.Arbitrary<DofProbe> = fc
  .record(
    {
      function: fc.stringMatching(/^[A-Za-z0-9_.$<>~]{1,40}$/).filter((text) => !/^\.+$/.test(text)),
      name,
      addr: fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
      offsets: fc.uniqueArray(offset, { minLength: 1, maxLength: 4 }),
      enabledOffsets: fc.uniqueArray(offset, { maxLength: 3 }),
      nativeTypes: fc.array(type, { maxLength: 10 }),
      translations: fc.array(fc.tuple(type, fc.nat()), { maxLength: 10 }),
    },
    { noNullPrototype: true },
  )
  .map(({ translations, ...rest }) => {
    const used = rest.nativeTypes.length === 0 ? [] : translations;
    return {
      ...rest,
      translatedTypes: used.map(([translated]) => translated),
      mapping: used.map(([, index]) => index % rest.nativeTypes.length),
    };
  });

const provider: fc.Arbitrary<DofProvider> = fc.record(
  {
    name,
    attributes: fc.record(
      {
        provattr: attribute,
        modattr: attribute,
        funcattr: attribute,
        nameattr: attribute,
        argsattr: attribute,
      },
      { noNullPrototype: true },
    ),
    probes: fc.uniqueArray(probe, {
      minLength: 1,
      maxLength: 5,
      selector: (of) => `${of.function}:${of.name}`,
    }),
  },
  { noNullPrototype: true },
);

/** Any document that can be written. */
export const documents: fc.Arbitrary<DofDocument> = fc
  .record(
    {
      model: fc.constantFrom('ILP32' as const, 'LP64' as const),
      encoding: fc.constantFrom('LSB' as const, 'MSB' as const),
      version: fc.constantFrom(1 as const, 2 as const, 3 as const),
      relocated: fc.boolean(),
      providers: fc.uniqueArray(provider, { minLength: 1, maxLength: 3, selector: (of) => of.name }),
    },
    { noNullPrototype: true },
  )
  .map((document) => (document.version === 1 ? withoutEnabledOffsets(document) : document));

function withoutEnabledOffsets(document: DofDocument): DofDocument {
  const providers = document.providers.map((of) => ({
    ...of,
    probes: of.probes.map((one) => ({ ...one, enabledOffsets: [] })),
  }));
  return { ...document, providers };
}

/** A document with one probe of each kind, for tests that break it. */
export const PLAIN: DofDocument = {
  model: 'LP64',
  encoding: 'LSB',
  version: 2,
  relocated: true,
  providers: [
    {
      name: 'web',
      attributes: {
        provattr: 0x05050400,
        modattr: 0x01010000,
        funcattr: 0x01010000,
        nameattr: 0x05050400,
        argsattr: 0x05050400,
      },
      probes: [
        {
          function: 'accept',
          name: 'request-start',
          addr: 0x1000n,
          offsets: [0, 32],
          enabledOffsets: [],
          nativeTypes: ['int', 'char *'],
          translatedTypes: ['int', 'char *'],
          mapping: [0, 1],
        },
        {
          function: 'reply',
          name: 'request-done',
          addr: 0x2000n,
          offsets: [8],
          enabledOffsets: [4, 20],
          nativeTypes: [],
          translatedTypes: [],
          mapping: [],
        },
      ],
    },
  ],
};

/** The plain document with some of its properties replaced. */
export function plain(changes: Partial<DofDocument>): DofDocument {
  return { ...PLAIN, ...changes };
}

/** The plain document with its provider, or its first probe, changed. */
export function plainWith(provider: Partial<DofProvider>, probe: Partial<DofProbe> = {}): DofDocument {
  const [web] = PLAIN.providers as [DofProvider];
  const [first, ...others] = web.probes as [DofProbe];
  return { ...PLAIN, providers: [{ ...web, probes: [{ ...first, ...probe }, ...others], ...provider }] };
}

/** Numbers of the format, written down again: <sys/dtrace.h>. */
const TYPE = {
  comments: 1,
  strtab: 8,
  reltab: 10,
  urelhdr: 12,
  provider: 15,
  probes: 16,
  prargs: 17,
  proffs: 18,
  prenoffs: 26,
} as const;

interface Section {
  readonly type: number;
  readonly align: number;
  readonly entsize: number;
  readonly bytes: Buffer;
}

/** The other encoder. */
export function encodeElsewhere(document: DofDocument): Uint8Array {
  const big = document.encoding === 'MSB';
  const number = (bytes: number, value: number | bigint): Buffer => {
    const hex = BigInt(value)
      .toString(16)
      .padStart(bytes * 2, '0');
    const most = Buffer.from(hex, 'hex');
    return big ? most : most.reverse();
  };
  const u8 = (value: number): Buffer => number(1, value);
  const u16 = (value: number): Buffer => number(2, value);
  const u32 = (value: number): Buffer => number(4, value);
  const u64 = (value: number | bigint): Buffer => number(8, value);

  const strings: Buffer[] = [];
  const text = (...texts: string[]): number => {
    const at = Buffer.concat(strings).length;
    for (const one of texts) strings.push(Buffer.from(`${one}\0`));
    return at;
  };
  text('not the empty string');

  // Section 0 is a comment, so that no index is 0; the string table comes last.
  const sections: Section[] = [{ type: TYPE.comments, align: 1, entsize: 0, bytes: Buffer.from('a test\0') }];
  const add = (type: number, align: number, entsize: number, parts: readonly Buffer[]): number =>
    sections.push({ type, align, entsize, bytes: Buffer.concat(parts) }) - 1;
  const perProvider = document.relocated ? 7 : 5;
  const strtab = 1 + document.providers.length * perProvider;
  for (const { name, attributes, probes } of document.providers) {
    const args = probes.flatMap(({ mapping }) => mapping);
    const offsets = probes.flatMap((probe) => probe.offsets);
    const enabled = probes.flatMap(({ enabledOffsets }) => enabledOffsets);
    // With a number in front, so that indices do not begin at 0.
    const prenoffs = add(TYPE.prenoffs, 4, 4, [u32(0xabad1dea), ...enabled.map(u32)]);
    const proffs = add(TYPE.proffs, 4, 4, [u32(0xabad1dea), ...offsets.map(u32)]);
    const prargs = add(TYPE.prargs, 1, 1, [u8(0), ...args.map(u8)]);
    let [argidx, offidx, enoffidx] = [1, 1, 1];
    const entries = probes.map((probe) => {
      const { addr, nativeTypes, translatedTypes, enabledOffsets } = probe;
      const entry = Buffer.concat([
        u64(addr),
        ...[text(probe.function), text(probe.name), text(...nativeTypes), text(...translatedTypes)].map(u32),
        u32(argidx),
        u32(offidx),
        u8(nativeTypes.length),
        u8(translatedTypes.length),
        u16(probe.offsets.length),
        u32(enoffidx),
        u16(enabledOffsets.length),
        u16(0),
        u32(0),
      ]);
      argidx += probe.mapping.length;
      offidx += probe.offsets.length;
      enoffidx += enabledOffsets.length;
      return entry;
    });
    const table = add(TYPE.probes, 8, 48, entries);
    const { provattr, modattr, funcattr, nameattr, argsattr } = attributes;
    add(TYPE.provider, 4, document.version === 1 ? 40 : 44, [
      ...[strtab, table, prargs, proffs, text(name)].map(u32),
      ...[provattr, modattr, funcattr, nameattr, argsattr].map(u32),
      ...(document.version === 1 ? [] : [u32(prenoffs)]),
    ]);
    if (!document.relocated) continue;
    const relocations = probes.flatMap((_, index) => [u32(0), u32(1), u64(index * 48), u64(0)]);
    const reltab = add(TYPE.reltab, 8, 24, relocations);
    add(TYPE.urelhdr, 4, 0, [strtab, reltab, table].map(u32));
  }
  add(TYPE.strtab, 1, 1, strings);

  const out: Buffer[] = [];
  let end = 64 + 32 * sections.length;
  const headers = sections.map(({ type, align, entsize, bytes }) => {
    const padding = (align - (end % align)) % align;
    const at = end + padding;
    out.push(Buffer.alloc(padding, 0xee), bytes);
    end = at + bytes.length;
    return Buffer.concat([u32(type), u32(align), u32(1), u32(entsize), u64(at), u64(bytes.length)]);
  });
  const { model, version } = document;
  const ident = [0x7f, 0x44, 0x4f, 0x46, model === 'ILP32' ? 1 : 2, big ? 2 : 1, version, 2, 8, 8];
  return Buffer.concat([
    Buffer.from(ident),
    Buffer.alloc(6),
    ...[0, 64, 32, sections.length].map(u32),
    ...[64, end, end, 0].map(u64),
    ...headers,
    ...out,
  ]);
}
