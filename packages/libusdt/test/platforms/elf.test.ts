/**
 * Images for illumos and FreeBSD, as independent readers and the rules of their kernels see them, and with the eyes of
 * those kernels: each site of the DOF document, relocated as they do, is a nop at the entry of its probe's function.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
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
const NOP = 0x90;

for (const [os, osabi] of [
  ['illumos', /OS\/ABI: +UNIX - Solaris/],
  ['freebsd', /OS\/ABI: +UNIX - FreeBSD/],
] as const) {
  test(`an image for ${os}`, needs('readelf', 'eu-elflint', 'llvm-readobj'), () => {
    const probes = [
      defineProbe('request-start', ['uint32_t', 'char *']),
      defineProbe('request-done', { function: 'handle', args: ['uint16_t', 'json', 'double', 'bool'] }),
      defineProbe(
        'all',
        Array.from({ length: 32 }, () => 'int' as const),
      ),
    ];
    const definition = { provider: 'webapp', module: 'app', probes };
    const target = { os, arch: 'x64', tracepoint: 'nop' } as const;
    const image = buildImage(definition, target);
    const path = join(folder, `${os}.so`);
    writeFileSync(path, image.bytes);
    assertAccepted(path, /unsupported OS ABI .* 'Solaris'/);
    assert.match(run('readelf', '-h', path).stdout, osabi);

    const elf = readElf(image.bytes);
    assert.equal(elf.section('.note.stapsdt'), undefined, 'nobody reads those there');
    const bytes = elf.data(elf.section('.SUNW_dof')!);
    assert.deepEqual(bytes, image.dof!.bytes);
    assert.deepEqual(validateDof(bytes, os, { module: 'app' }), []);
    const [provider] = decodeDof(bytes).providers;
    assert.equal(provider!.name, 'webapp');
    assert.deepEqual(provider!.attributes, dofAttributes(DEFAULT_ATTRIBUTES));
    assert.deepEqual(
      provider!.probes.map(({ function: of, name, nativeTypes }) => [of, name, nativeTypes.join()]),
      [
        ['request-start', 'request-start', 'uint32_t,char *'],
        ['handle', 'request-done', 'uint16_t,char *,uint64_t,uint8_t'],
        ['all', 'all', Array.from({ length: 32 }, () => 'int').join()],
      ],
    );
    for (const [index, { addr, offsets }] of provider!.probes.entries()) {
      const site = Number(addr) + offsets[0]!;
      assert.equal(image.bytes[site], NOP, 'the first segment is mapped where the file has it');
      assert.equal(site, Number(elf.section('.text')!.addr) + image.sites.at(index)!.site);
    }
  });
}

test('images of one definition for different systems have different names', () => {
  const definition = { provider: 'webapp', module: 'app', probes: [defineProbe('hit', [])] };
  const ids = (['linux', 'illumos', 'freebsd', 'darwin'] as const).map((os) =>
    Buffer.from(buildImage(definition, { os, arch: 'x64', tracepoint: 'nop' }).buildId).toString('hex'),
  );
  assert.equal(new Set(ids).size, 4);
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
