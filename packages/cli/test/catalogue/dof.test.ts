/** DOF in object files of every kind: our images, objects as `dtrace -G` makes them, damaged documents. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  buildImage,
  type DofDocument,
  defineImage,
  dofAttributes,
  encodeDof,
  type Target,
  tracepointFor,
} from 'libusdt/codecs';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { ElfEncoder } from '../../../libusdt/src/object/elf/encoder.ts';
import type { ProbeFile } from '../../src/catalogue/probe.ts';
import { openProbeFiles } from '../../src/catalogue/sources.ts';
import { FailureError } from '../../src/errors.ts';
import { addSection } from '../sections.ts';

const folder = temporaryFolder();
function saved(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  fs.writeFileSync(path, bytes);
  return path;
}

/** The only part of a file. */
function open(path: string): ProbeFile {
  const files = openProbeFiles(path);
  assert.equal(files.length, 1);
  return files[0]!;
}

/** `FUNCTION provider:name(types) at ADDRESS`, and is-enabled places. */
function described({ sites }: ProbeFile): string[] {
  return sites.map(
    ({ function: name, provider, name: probe, arguments: args, address, enabledAddresses }) => {
      const types = args.map(({ type }) => type).join(', ');
      const asks = enabledAddresses.map((place) => ` ?${place.toString(16)}`).join('');
      return `${name} ${provider}:${probe}(${types}) at ${address?.toString(16)}${asks}`;
    },
  );
}

const types = ['uint32_t', 'char *', 'json', 'double', 'bool', 'int64_t', 'int8_t', 'int16_t'] as const;
const definition = defineImage('web-app', {
  module: 'server',
  probes: { 'request-start': { function: 'handle', args: types }, done: [] },
});
/** As D knows the types. */
const shown = ['uint32_t', 'char *', 'char *', 'uint64_t', 'uint8_t', 'int64_t', 'int8_t', 'int16_t'];

for (const [os, arch, dof] of [
  ['linux', 'x64', false],
  ['linux', 'x64', true],
  ['linux', 'arm64', true],
  ['illumos', 'x64', true],
  ['freebsd', 'x64', true],
  ['darwin', 'x64', true],
  ['darwin', 'arm64', true],
] as const) {
  test(`our image for ${os}-${arch} ${dof ? 'with' : 'without'} DOF: each probe once`, () => {
    const target: Target = { os, arch, tracepoint: 'nop', dof };
    const { bytes, sites } = buildImage(definition, target);
    const file = open(saved(`${os}-${arch}-${dof}`, bytes));
    assert.deepEqual([file.problems, file.warnings], [[], []]);
    const formats = [...(os === 'linux' ? ['stapsdt'] : []), ...(dof ? ['dof'] : [])];
    assert.deepEqual(
      file.sites.map((site) => [site.provider, site.name, site.function, site.module, site.formats]),
      [
        ['web-app', 'request-start', 'handle', os === 'darwin' ? undefined : 'server', formats],
        ['web-app', 'done', 'done', os === 'darwin' ? undefined : 'server', formats],
      ],
    );
    const [first, second] = file.sites;
    assert.deepEqual(
      first!.arguments.map(({ type }) => type),
      os === 'darwin' ? shown : types,
    );
    assert.equal(first!.translated, undefined);
    assert.equal(second!.address! - first!.address!, BigInt(sites.at(1)!.site - sites.at(0)!.site));
    const nop = arch === 'x64' ? [0x90] : [0x1f, 0x20, 0x03, 0xd5];
    for (const { code } of file.sites) assert.deepEqual([...code.subarray(0, nop.length)], nop);
    const stack = { x64: ['0(%rsp)', '8(%rsp)'], arm64: ['x6', 'x7'] }[arch];
    assert.deepEqual(
      first!.arguments.slice(6).map(({ operand }) => operand),
      stack,
    );
    assert.equal(first!.untraceable === undefined, os === 'linux');
  });
}

test('an image with DOF is traced by its SDT operands, which are those of DOF', () => {
  const tracepoint = tracepointFor('x64', '6.18.0');
  const [sdt, both] = [false, true].map((dof) => {
    const { bytes } = buildImage(definition, { os: 'linux', arch: 'x64', tracepoint, dof });
    return open(saved(`operands-${dof}`, bytes)).sites.map(({ argumentText }) => argumentText);
  });
  assert.deepEqual(both, sdt);
});

const attributes = dofAttributes(
  (() => {
    const stable = ['Stable', 'Stable', 'Common'] as const;
    return { provider: stable, module: stable, function: stable, name: stable, args: stable };
  })(),
);

/** As `dtrace -G` writes it. */
function document(rest: Partial<DofDocument> = {}): DofDocument {
  return {
    ...{ model: 'LP64', encoding: 'LSB', version: 2, relocated: true },
    providers: [
      {
        ...{ name: 'web', attributes },
        probes: [
          {
            ...{ function: 'handle', name: 'request-start', addr: 0x1000, offsets: [0x10, 0x30] },
            ...{ enabledOffsets: [8], nativeTypes: ['struct request *', 'int'] },
            ...{ translatedTypes: ['request_info_t *'], mapping: [0] },
          },
          {
            ...{ function: 'main', name: 'started', addr: 0x1200, offsets: [4], enabledOffsets: [] },
            ...{ nativeTypes: [], translatedTypes: [], mapping: [] },
          },
        ],
      },
    ],
    ...rest,
  };
}

interface ElfOptions {
  readonly bits?: 32 | 64;
  readonly data?: 'LSB' | 'MSB';
  readonly machine?: keyof typeof MACHINES;
  readonly type?: keyof typeof TYPES;
  readonly osabi?: keyof typeof SYSTEMS;
}

/** EM_*, ELFOSABI_* and ET_*: the generic ABI, and the processors' supplements. */
const MACHINES = { EM_X86_64: 62, EM_386: 3, EM_AARCH64: 183, EM_SPARCV9: 43, EM_SPARC: 2 } as const;
const SYSTEMS = { NONE: 0, SOLARIS: 6, FREEBSD: 9 } as const;
const TYPES = { ET_REL: 1, ET_DYN: 3 } as const;

/** One segment of code at 0x1000, and the section, at 0x2000. */
function elf(name: string, dof: Uint8Array, options: ElfOptions = {}): string {
  const { bits = 64, data = 'LSB', machine = 'EM_X86_64', type = 'ET_DYN', osabi = 'NONE' } = options;
  const encoder = new ElfEncoder({ class: bits, data: data === 'LSB' ? 'lsb' : 'msb' });
  const strings = '\0.text\0.SUNW_dof\0.shstrtab\0';
  const text = { at: 0x1000, size: 0x400 };
  const dofAt = text.at + text.size;
  const stringsAt = dofAt + dof.length;
  const headersAt = (stringsAt + strings.length + 7) & ~7;
  const bytes = Buffer.alloc(headersAt + 4 * encoder.sizes.shdr);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  bytes.set(dof, dofAt);
  bytes.write(strings, stringsAt);
  const linked = type !== 'ET_REL';
  encoder.ehdr(view, 0, {
    ...{ ei_osabi: SYSTEMS[osabi], e_type: TYPES[type], e_machine: MACHINES[machine] },
    ...{ e_phoff: linked ? encoder.sizes.ehdr : 0, e_phnum: linked ? 1 : 0 },
    ...{ e_shoff: headersAt, e_shnum: 4, e_shstrndx: 3 },
  });
  if (linked) {
    encoder.phdr(view, encoder.sizes.ehdr, {
      ...{ p_type: 1, p_flags: 5, p_offset: text.at, p_vaddr: text.at, p_align: 0x1000 },
      ...{ p_filesz: text.size, p_memsz: text.size },
    });
  }
  let end = headersAt + encoder.sizes.shdr;
  for (const [title, sh_flags, sh_addr, sh_offset, sh_size, sh_addralign] of [
    ['.text', 6, text.at, text.at, text.size, 0x1000],
    ['.SUNW_dof', 2, 0x2000, dofAt, dof.length, 8],
    ['.shstrtab', 0, 0, stringsAt, strings.length, 1],
  ] as const) {
    end = encoder.shdr(view, end, {
      ...{ sh_name: strings.indexOf(`\0${title}\0`) + 1, sh_type: title === '.shstrtab' ? 3 : 1 },
      ...{ sh_flags, sh_addr, sh_offset, sh_size, sh_addralign, sh_link: 0, sh_info: 0, sh_entsize: 0 },
    });
  }
  return saved(name, bytes);
}

const EXPECTED = [
  'handle web:request-start(struct request *, int) at 1010 ?1008',
  'handle web:request-start(struct request *, int) at 1030 ?1008',
  'main web:started() at 1204',
];

for (const [bits, data, machine, operands] of [
  [64, 'LSB', 'EM_X86_64', ['%rdi', '%esi']],
  [32, 'LSB', 'EM_386', ['0(%esp)', '4(%esp)']],
  [64, 'LSB', 'EM_AARCH64', ['x0', 'x1']],
  [64, 'MSB', 'EM_SPARCV9', ['', '']],
  [32, 'MSB', 'EM_SPARC', ['', '']],
] as const) {
  test(`an object of ${bits} bits, ${data}, ${machine}`, () => {
    const dof = encodeDof(document({ model: bits === 64 ? 'LP64' : 'ILP32', encoding: data }));
    const file = open(elf(`object-${machine}`, dof, { bits, data, machine }));
    assert.deepEqual(described(file), EXPECTED);
    assert.deepEqual([file.problems, file.warnings], [[], []]);
    const [site] = file.sites;
    assert.deepEqual(
      site!.arguments.map(({ operand }) => operand),
      operands,
    );
    assert.deepEqual(site!.translated, [{ type: 'request_info_t *', argument: 0 }]);
    assert.equal(site!.module, `object-${machine}`);
    assert.equal(site!.untraceable, undefined);
    assert.ok(site!.offset! > 0n);
  });
}

test('in an object that is not linked, places count from the start of their function', () => {
  const [provider] = document().providers;
  const probes = provider!.probes.map((probe) => ({ ...probe, addr: 0 }));
  const dof = encodeDof(document({ providers: [{ ...provider!, probes }] }));
  const file = open(elf('unlinked', dof, { type: 'ET_REL' }));
  assert.deepEqual(described(file), [
    'handle web:request-start(struct request *, int) at 10 ?8',
    'handle web:request-start(struct request *, int) at 30 ?8',
    'main web:started() at 4',
  ]);
  assert.ok(file.sites.every(({ offset, untraceable }) => offset === undefined && untraceable));
  assert.equal(file.sites[0]!.module, undefined);
});

test('an object of another system can not be traced here', () => {
  for (const [osabi, system] of [
    ['SOLARIS', 'illumos'],
    ['FREEBSD', 'FreeBSD'],
  ] as const) {
    const file = open(elf(`of-${osabi}`, encodeDof(document()), { osabi }));
    assert.equal(file.sites[0]!.untraceable, `the file is for ${system}, and does not run here`);
    assert.deepEqual(described(file), EXPECTED);
  }
});

test('several documents, of objects that were linked; one can not be read', () => {
  const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);
  const [provider] = document().providers;
  const other = encodeDof(document({ providers: [{ ...provider!, name: 'other' }] }));
  const broken = encodeDof(document());
  // The index of the strings' section, in the provider's.
  const view = new DataView(broken.buffer);
  const sections = Array.from({ length: view.getUint32(28, true) }, (_, index) => 64 + 32 * index);
  const at = Number(
    view.getBigUint64(sections.find((start) => view.getUint32(start, true) === 15)! + 16, true),
  );
  view.setUint32(at, 99, true);
  const file = open(
    elf('linked', Buffer.concat([encodeDof(document()), broken, other].map(padded)), { osabi: 'SOLARIS' }),
  );
  assert.deepEqual(described(file), [...EXPECTED, ...EXPECTED.map((line) => line.replace('web:', 'other:'))]);
  assert.deepEqual(file.problems, [
    "its DOF document can't be read: no section 99 (at offset 0)",
    'its DOF document breaks the rule section-reference (the sections that a provider refers to are there, loaded, and of the right type): section 99 of 8; DTrace on illumos refuses the document',
  ]);
});

test('what can be read is listed, and the rule that it breaks is named', () => {
  const [provider] = document().providers;
  const name = `web${'x'.repeat(58)}`;
  const dof = encodeDof(document({ providers: [{ ...provider!, name }] }));
  const file = open(elf('long-name', dof));
  assert.deepEqual(file.problems, []);
  assert.equal(file.warnings.length, 1);
  assert.match(
    file.warnings[0]!,
    /^its DOF document breaks the rule provider-name-length \(a provider has at most 53 bytes, .*\): "webx+" has 61 bytes; DTrace leaves that out silently$/,
  );
  assert.equal(file.sites.length, 3);
});

test('a document in the wrong byte order is read, and the rule named', () => {
  const file = open(elf('swapped', encodeDof(document({ encoding: 'MSB' }))));
  assert.deepEqual(described(file), EXPECTED);
  assert.match(file.warnings.join(), /breaks the rule encoding/);
});

test('a section that holds no document', () => {
  const file = open(
    elf('garbage', Buffer.from('not a document at all, but more than a header of sixty-four bytes.')),
  );
  assert.deepEqual(file.sites, []);
  assert.match(file.problems[0]!, /^its DOF document can't be read: no DOF magic/);
  assert.match(file.problems[1]!, /breaks the rule magic/);
});

test("a universal file's parts are listed each by itself; a part that is damaged does not hide the others", () => {
  const [x64, arm64] = (['x64', 'arm64'] as const).map(
    (arch) => buildImage(definition, { os: 'darwin', arch, tracepoint: 'nop' }).bytes,
  );
  const bytes = new Uint8Array(0x8000 + arm64!.length);
  const view = new DataView(bytes.buffer);
  const fat = [
    0xcafebabe,
    2,
    0x01000007,
    3,
    0x4000,
    x64!.length,
    14,
    0x0100000c,
    0,
    0x8000,
    arm64!.length,
    14,
  ];
  for (const [index, word] of fat.entries()) view.setUint32(4 * index, word);
  bytes.set(x64!, 0x4000);
  bytes.set(arm64!, 0x8000);
  const files = openProbeFiles(saved('universal', bytes));
  assert.deepEqual(
    files.map(({ slice, sites }) => [slice, sites.map(({ code }) => code[0])]),
    [
      ['x86_64', [0x90, 0x90]],
      ['arm64', [0x1f, 0x1f]],
    ],
  );
  view.setUint32(0x4000 + 16, 1000, true);
  const [damaged, whole] = openProbeFiles(saved('damaged', bytes));
  assert.match(damaged!.problems.join(), /^its x86_64 part: .*load command/);
  assert.equal(whole!.sites.length, 2);
});

/** A Mach-O file of 3 MB, for x86-64: its second load command is far from its first, and its document from both. */
function largeMachO(dof: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(3_000_000);
  const view = new DataView(bytes.buffer);
  const words = (at: number, ...values: readonly number[]): void => {
    for (const [index, value] of values.entries()) view.setUint32(at + 4 * index, value, true);
  };
  const filler = 8192;
  const place = 2_000_000;
  // Header; a command that nobody knows; LC_SEGMENT_64 with one section.
  words(0, 0xfeedfacf, 0x01000007, 3, 2, 2, filler + 152, 0, 0);
  words(32, 0x7f, filler);
  const segment = 32 + filler;
  words(segment, 0x19, 152);
  bytes.set(Buffer.from('__TEXT'), segment + 8);
  words(segment + 24, 0x10000, 0, bytes.length, 0, 0, 0, bytes.length, 0, 5, 5, 1, 0);
  bytes.set(Buffer.from('__dof_web'), segment + 72);
  bytes.set(Buffer.from('__TEXT'), segment + 88);
  words(segment + 104, 0x10000 + place, 0, dof.length, 0, place, 0, 0, 0, 0xf);
  bytes.set(dof, place);
  return bytes;
}

test('of large files the parts are read that tell of probes', () => {
  const dof = encodeDof(document({ version: 3, relocated: false }));
  const thin = largeMachO(dof);
  const expected = [
    // The document is at 0x1f8480: 1 less for a tracepoint, 2 more for a question.
    'handle web:request-start(struct request *, int) at 1f848f ?1f848a',
    'handle web:request-start(struct request *, int) at 1f84af ?1f848a',
    'main web:started() at 1f8483',
  ];
  assert.deepEqual(described(open(saved('thin', thin))), expected);
  const universal = new Uint8Array(5_000_000);
  const view = new DataView(universal.buffer);
  for (const [index, word] of [0xcafebabe, 1, 0x01000007, 3, 0x100000, thin.length, 14].entries())
    view.setUint32(4 * index, word);
  universal.set(thin, 0x100000);
  const file = open(saved('large-universal', universal));
  assert.deepEqual(described(file), expected);
  assert.equal(file.sites[0]!.offset, BigInt(0x100000 + 0x1e848f));

  const small = elf('small-elf', encodeDof(document()));
  const large = join(folder, 'large-elf');
  const moved = addSection(fs.readFileSync(small), '.first', new Uint8Array(3_000_000));
  // What tells of probes goes behind the padding.
  const headers = Number(moved.readBigUInt64LE(40));
  const count = moved.readUInt16LE(60);
  const index = Array.from({ length: count }, (_, n) => headers + 64 * n).find(
    (at) => moved.readBigUInt64LE(at + 16) === 0x2000n,
  )!;
  const [start, size] = [24, 32].map((field) => Number(moved.readBigUInt64LE(index + field)));
  const content = Buffer.from(moved.subarray(start, start! + size!));
  moved.writeBigUInt64LE(BigInt(moved.length), index + 24);
  fs.writeFileSync(large, Buffer.concat([moved, content]));
  assert.deepEqual(described(open(large)), EXPECTED);
});

test('a damaged file is an error that names it, never a crash', () => {
  const files = [
    fs.readFileSync(elf('fuzzed', encodeDof(document()))),
    buildImage(definition, { os: 'darwin', arch: 'x64', tracepoint: 'nop' }).bytes,
    buildImage(definition, { os: 'linux', arch: 'x64', tracepoint: 'nop', dof: true }).bytes,
  ];
  const path = join(folder, 'mutant');
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 10 }),
      fc.option(fc.nat()),
      (file, changes, cut) => {
        const bytes = file.slice(0, cut === null ? file.length : cut % file.length);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        fs.writeFileSync(path, bytes);
        try {
          openProbeFiles(path);
        } catch (error) {
          assert.ok(error instanceof FailureError, String(error));
          assert.match(error.message, /mutant: /);
        }
      },
    ),
    { numRuns: 1500 },
  );
});
