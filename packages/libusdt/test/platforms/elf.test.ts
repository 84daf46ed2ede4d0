/**
 * Images for illumos and FreeBSD, as independent readers and the rules of their kernels see them, and with the eyes of
 * those kernels: each site of the DOF document, relocated as they do, is a nop at the entry of its probe's function.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dofAttributes } from '../../src/dof/attributes.ts';
import { decodeDof } from '../../src/dof/decode.ts';
import { validateDof } from '../../src/dof/validate.ts';
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
