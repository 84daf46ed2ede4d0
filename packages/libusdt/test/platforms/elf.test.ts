/**
 * Images for illumos and FreeBSD, as independent readers and the rules of their kernels see them, and with the eyes of
 * those kernels: each site of the DOF document, relocated as they do, is a nop at the entry of its probe's function.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { dofAttributes } from '../../src/dof/attributes.ts';
import { decodeDof } from '../../src/dof/decode.ts';
import { validateDof } from '../../src/dof/validate.ts';
import { buildEngine } from '../../src/hosts/napi/code.ts';
import { buildImage } from '../../src/image/image.ts';
import { DEFAULT_ATTRIBUTES } from '../../src/model/attributes.ts';
import { readElf } from '../../src/object/elf/reader.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { assertAccepted, run } from '../object/tools.ts';

const folder = temporaryFolder();
const NOPS = { x64: [0x90], arm64: [0x1f, 0x20, 0x03, 0xd5], i386: [0x90] } as const;
const OSABI = {
  illumos: { value: 6, name: /OS\/ABI: +UNIX - Solaris/ },
  freebsd: { value: 9, name: /OS\/ABI: +UNIX - FreeBSD/ },
} as const;
const INTS = Array.from({ length: 32 }, () => 'int').join();

for (const [os, arch, model, done] of [
  ['illumos', 'x64', 'LP64', 'uint16_t,char *,uint64_t,uint8_t'],
  ['illumos', 'i386', 'ILP32', 'uint16_t,char *,uint32_t,uint32_t,uint8_t'],
  ['freebsd', 'x64', 'LP64', 'uint16_t,char *,uint64_t,uint8_t'],
  ['freebsd', 'arm64', 'LP64', 'uint16_t,char *,uint64_t,uint8_t'],
  ['freebsd', 'i386', 'ILP32', 'uint16_t,char *,uint32_t,uint32_t,uint8_t'],
] as const) {
  test(`an image for ${os} on ${arch}`, () => {
    const probes = [
      defineProbe('request-start', ['uint32_t', 'char *']),
      defineProbe('request-done', { function: 'handle', args: ['uint16_t', 'json', 'double', 'bool'] }),
      defineProbe(
        'all',
        Array.from({ length: 32 }, () => 'int' as const),
      ),
    ];
    const definition = { provider: 'webapp', module: 'app', probes };
    const target = { os, arch, tracepoint: 'nop' } as const;
    const image = buildImage(definition, target);
    const path = join(folder, `${os}-${arch}.so`);
    writeFileSync(path, image.bytes);
    assertAccepted(path, /unsupported OS ABI .* 'Solaris'/);
    const elf = readElf(image.bytes);
    assert.equal(elf.osabi, OSABI[os].value);
    if (!without('readelf')) assert.match(run('readelf', '-h', path).stdout, OSABI[os].name);
    assert.equal(elf.section('.note.stapsdt'), undefined, 'nobody reads those there');
    const bytes = elf.data(elf.section('.SUNW_dof')!);
    assert.deepEqual(bytes, image.dof!.bytes);
    assert.deepEqual(validateDof(bytes, os, { module: 'app' }), []);
    const document = decodeDof(bytes);
    assert.equal(document.model, model);
    const [provider] = document.providers;
    assert.equal(provider!.name, 'webapp');
    assert.deepEqual(provider!.attributes, dofAttributes(DEFAULT_ATTRIBUTES));
    assert.deepEqual(
      provider!.probes.map(({ function: of, name, nativeTypes }) => [of, name, nativeTypes.join()]),
      [
        ['request-start', 'request-start', 'uint32_t,char *'],
        ['handle', 'request-done', done],
        ['all', 'all', INTS],
      ],
    );
    for (const [index, { addr, offsets }] of provider!.probes.entries()) {
      const site = Number(addr) + offsets[0]!;
      const found = [...image.bytes.subarray(site, site + NOPS[arch].length)];
      assert.deepEqual(found, NOPS[arch], 'the first segment is mapped where the file has it');
      assert.equal(site, Number(elf.section('.text')!.addr) + image.sites.at(index)!.site);
    }
  });
}

test('images of one definition for different systems and processors have different names', () => {
  const definition = { provider: 'webapp', module: 'app', probes: [defineProbe('hit', [])] };
  const systems = ['linux', 'illumos', 'freebsd', 'darwin'] as const;
  const targets = systems.flatMap((os) =>
    (['x64', 'arm64', 'i386'] as const)
      .filter((arch) => os !== 'darwin' || arch !== 'i386')
      .map((arch) => ({ os, arch, tracepoint: 'nop' }) as const),
  );
  const ids = targets.map((target) => Buffer.from(buildImage(definition, target).buildId).toString('hex'));
  assert.equal(new Set(ids).size, targets.length);
});

test('there are no images for macOS on i386', () => {
  const definition = { provider: 'webapp', module: 'app', probes: [defineProbe('hit', [])] };
  assert.throws(
    () => buildImage(definition, { os: 'darwin', arch: 'i386', tracepoint: 'nop' }),
    /^RangeError: no Mach-O bundles are written for i386$/,
  );
});

/** What loaders look at. */
interface Outline {
  readonly format: readonly [bits: number, data: string];
  readonly machine: number;
  readonly flags: number;
  readonly programHeaders: { readonly offset: number; readonly size: number; readonly count: number };
  readonly loads: readonly {
    readonly offset: number;
    readonly address: number;
    readonly fileSize: number;
    readonly size: number;
    readonly writableAndExecutable: boolean;
    readonly align: number;
  }[];
  /** DT_* of the dynamic section, which a program header names. */
  readonly tags: ReadonlySet<number>;
}

const TAGS = { HASH: 4, STRTAB: 5, SYMTAB: 6, STRSZ: 10, SYMENT: 11 } as const;
const PT_DYNAMIC = 2;

function outlineByUs(bytes: Uint8Array): Outline {
  const { format, machine, flags, segments } = readElf(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)!;
  const entries = Array.from(
    { length: Number(dynamic.filesz) / 16 },
    (_, n) => Number(dynamic.offset) + 16 * n,
  );
  return {
    ...{ format: [format.class, format.data], machine, flags },
    programHeaders: {
      offset: Number(view.getBigUint64(32, true)),
      size: view.getUint16(54, true),
      count: view.getUint16(56, true),
    },
    loads: segments
      .filter(({ type }) => type === 1)
      .map(({ offset, vaddr, filesz, memsz, flags: rights, align }) => ({
        ...{ offset: Number(offset), address: Number(vaddr), fileSize: Number(filesz), size: Number(memsz) },
        ...{ writableAndExecutable: (rights & 3) === 3, align: Number(align) },
      })),
    tags: new Set(entries.map((at) => Number(view.getBigUint64(at, true))).filter((tag) => tag !== 0)),
  };
}

function outlineByReadelf(path: string): Outline {
  const header = run('readelf', '-hW', path).stdout;
  const field = (title: string): string => new RegExp(`${title}: +(.*)`).exec(header)?.[1] ?? `no ${title}`;
  const listed = run('readelf', '-lW', path).stdout;
  const form = /LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) (0x\w+) (.{3}) (0x\w+)/g;
  assert.match(listed, /^ +DYNAMIC /m);
  const dynamic = run('readelf', '-dW', path).stdout;
  return {
    format: [
      field('Class') === 'ELF64' ? 64 : 32,
      field('Data') === "2's complement, little endian" ? 'lsb' : 'msb',
    ],
    machine: field('Machine') === 'Advanced Micro Devices X86-64' ? 62 : 0,
    flags: Number(field('Flags')),
    programHeaders: {
      offset: parseInt(field('Start of program headers'), 10),
      size: parseInt(field('Size of program headers'), 10),
      count: Number(field('Number of program headers')),
    },
    loads: [...listed.matchAll(form)].map(([, offset, address, fileSize, size, rights, align]) => ({
      ...{ offset: Number(offset), address: Number(address), fileSize: Number(fileSize), size: Number(size) },
      ...{ writableAndExecutable: /WE/.test(rights!), align: Number(align) },
    })),
    tags: new Set(
      [...dynamic.matchAll(/^ 0x([0-9a-f]{16}) \(/gm)]
        .map(([, tag]) => parseInt(tag!, 16))
        .filter((tag) => tag !== 0),
    ),
  };
}

/**
 * What the loaders look at, of all that readers do: FreeBSD's rtld (get_elf_header and map_object in map_object.c, which
 * have no rule for the OS/ABI, nor for a note with the system's version), illumos' ld.so.1 (elf_verify in elf.c).
 * https://github.com/freebsd/freebsd-src/blob/main/libexec/rtld-elf/map_object.c
 * https://github.com/illumos/illumos-gate/blob/master/usr/src/cmd/sgs/rtld/common/elf.c
 */
describe("rules of the loaders for the engine's and the images' files", () => {
  const PAGE = 4096;
  const probes = [defineProbe('start', ['int'])];
  const imageFor = (os: 'freebsd' | 'illumos'): Uint8Array =>
    buildImage({ provider: 'webapp', module: 'app', probes }, { os, arch: 'x64', tracepoint: 'nop' }).bytes;
  for (const [name, bytes] of [
    ['engine', buildEngine('x64', 'elf').bytes],
    ['freebsd', imageFor('freebsd')],
    ['illumos', imageFor('illumos')],
  ] as const) {
    test(name, () => {
      const outline = outlineByUs(bytes);
      if (!without('readelf')) {
        const path = join(folder, `${name}-rules.so`);
        writeFileSync(path, bytes);
        assert.deepEqual(outlineByReadelf(path), outline);
      }
      const { format, machine, flags, programHeaders, loads, tags } = outline;
      assert.deepEqual([format, machine, flags, programHeaders.size], [[64, 'lsb'], 62, 0, 56]);
      assert.ok(programHeaders.offset + 56 * programHeaders.count <= PAGE, 'in the first page');
      assert.ok(loads.length >= 1);
      let end = 0;
      for (const { offset, address, fileSize, size, writableAndExecutable, align } of loads) {
        assert.ok(align >= PAGE, 'page-aligned');
        assert.equal(offset % PAGE, address % PAGE, 'mapped page by page');
        assert.ok(Math.floor(address / PAGE) * PAGE >= end, 'ascending, none in the page of another');
        assert.ok(fileSize <= size);
        assert.ok(!writableAndExecutable);
        end = address + size;
      }
      for (const [tag, number] of Object.entries(TAGS)) assert.ok(tags.has(number), tag);
    });
  }
});
