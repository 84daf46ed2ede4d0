/**
 * Images for illumos and FreeBSD, as independent readers and the rules of their kernels see them, and with the eyes of
 * those kernels: each site of the DOF document, relocated as they do, is a nop at the entry of its probe's function.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { without } from '../../../../test/support/needs.ts';
import { dofAttributes } from '../../src/dof/attributes.ts';
import { decodeDof } from '../../src/dof/decode.ts';
import { validateDof } from '../../src/dof/validate.ts';
import { buildEngine } from '../../src/engine/code.ts';
import { buildImage } from '../../src/image/image.ts';
import { readElf } from '../../src/object/elf/reader.ts';
import { DEFAULT_ATTRIBUTES } from '../../src/provider/attributes.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { assertAccepted, needs, run, scratchFolder } from '../object/tools.ts';

const folder = scratchFolder();
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

/**
 * What the loaders look at, of all that readers do: FreeBSD's rtld (get_elf_header and map_object in map_object.c, which
 * have no rule for the OS/ABI, nor for a note with the system's version), illumos' ld.so.1 (elf_verify in elf.c).
 * https://github.com/freebsd/freebsd-src/blob/main/libexec/rtld-elf/map_object.c
 * https://github.com/illumos/illumos-gate/blob/master/usr/src/cmd/sgs/rtld/common/elf.c
 */
describe("rules of the loaders, as readelf sees the engine's and the images' files", needs('readelf'), () => {
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
      const path = join(folder, `${name}-rules.so`);
      writeFileSync(path, bytes);
      const header = run('readelf', '-hW', path).stdout;
      const field = (title: string): string =>
        new RegExp(`${title}: +(.*)`).exec(header)?.[1] ?? `no ${title}`;
      assert.deepEqual(['Class', 'Data', 'Machine', 'Flags', 'Size of program headers'].map(field), [
        'ELF64',
        "2's complement, little endian",
        'Advanced Micro Devices X86-64',
        '0x0',
        '56 (bytes)',
      ]);
      const count = Number(field('Number of program headers'));
      assert.ok(parseInt(field('Start of program headers'), 10) + 56 * count <= PAGE, 'in the first page');

      const listed = run('readelf', '-lW', path).stdout;
      const form = /LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) (0x\w+) (.{3}) (0x\w+)/g;
      const loads = [...listed.matchAll(form)].map(([, ...fields]) => fields);
      assert.ok(loads.length >= 1);
      let end = 0;
      for (const [offset, address, fileSize, size, flags, align] of loads) {
        assert.ok(Number(align) >= PAGE, 'page-aligned');
        assert.equal(Number(offset) % PAGE, Number(address) % PAGE, 'mapped page by page');
        assert.ok(Math.floor(Number(address) / PAGE) * PAGE >= end, 'ascending, none in the page of another');
        assert.ok(Number(fileSize) <= Number(size));
        assert.doesNotMatch(flags!, /WE/);
        end = Number(address) + Number(size);
      }
      assert.match(listed, /^ +DYNAMIC /m);
      const dynamic = run('readelf', '-dW', path).stdout;
      for (const tag of ['HASH', 'STRTAB', 'SYMTAB', 'STRSZ', 'SYMENT']) {
        assert.match(dynamic, new RegExp(`\\(${tag}\\)`), tag);
      }
    });
  }
});
