import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import { isPassedAsTwo, sizeOn, wideArguments } from '../../src/arch/passing.ts';
import { INTEGERS, OTHERS, parseCType } from '../../src/ctypes/ctypes.ts';
import type { Arch } from '../../src/model/target.ts';
import { run } from '../object/tools.ts';

const COMPILERS: Readonly<Record<Arch, string>> = {
  x64: process.arch === 'x64' ? 'gcc' : 'x86_64-linux-gnu-gcc',
  arm64: process.arch === 'arm64' ? 'gcc' : 'aarch64-linux-gnu-gcc',
  i386: 'i686-linux-gnu-gcc',
};
/** What we pass for what C knows, or has another size for. */
const AS_C: Readonly<Record<string, string>> = {
  bool: '_Bool',
  float: 'double',
  json: 'char *',
  ssize_t: '__PTRDIFF_TYPE__',
};

for (const [arch, compiler] of Object.entries(COMPILERS) as [Arch, string][]) {
  test(`types have the sizes that ${compiler} gives them`, needs(compiler), () => {
    const source = join(temporaryFolder(), 'sizes.c');
    const names = [...Object.keys(INTEGERS), ...Object.keys(OTHERS)];
    const claims = names.map((name) => {
      const size = sizeOn(arch, parseCType(name));
      return `_Static_assert(sizeof(${AS_C[name] ?? name}) == ${size}, "${name}");`;
    });
    writeFileSync(source, `#include <stdint.h>\n#include <stddef.h>\n${claims.join('\n')}\n`);
    const { status, stderr } = run(compiler, '-fsyntax-only', '-Wall', source);
    assert.deepEqual([status, stderr], [0, '']);
  });
}

test('where words have 32 bits, what has 64 is passed as two', () => {
  const types = ['int', 'int64_t', 'long', 'double', 'char *', 'uint64_t', 'int64_t*1000', 'long*10', 'bool'];
  const parsed = types.map(parseCType);
  assert.deepEqual(
    types.filter((_, index) => isPassedAsTwo('i386', parsed[index]!)),
    ['int64_t', 'double', 'uint64_t', 'int64_t*1000'],
  );
  assert.equal(wideArguments('i386', parsed), 0b0_0110_1010);
  assert.equal(wideArguments('i386', Array(32).fill(parseCType('double'))) >>> 0, 0xffff_ffff);
  for (const arch of ['x64', 'arm64'] as const) assert.equal(wideArguments(arch, parsed), 0);
});
