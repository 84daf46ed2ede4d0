/** What all processors have to have in common. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { PassedType } from '../../src/arch/arch.ts';
import { PROCESSORS, READERS } from '../../src/arch/index.ts';
import type { TargetSystem } from '../../src/model/target.ts';

const context = { fixed: false, symbol: () => undefined };

for (const { name, convention, printOperand, wordBits } of Object.values(PROCESSORS)) {
  test(`${name} reads the operands that it prints`, () => {
    fc.assert(
      fc.property(
        fc.constantFrom<TargetSystem>('linux', 'darwin', 'illumos', 'freebsd'),
        fc.array(fc.record({ size: fc.constantFrom(1, 2, 4, 8), float: fc.boolean() }), { maxLength: 40 }),
        (os, types: PassedType[]) => {
          const taken = new Map<string, number>();
          let end = 0;
          for (const [index, place] of convention(os).place(types).entries()) {
            const { size } = types[index]!;
            const operand = printOperand(place, size);
            const parsed = READERS[name].parseOperand(operand, context);
            assert.ok(!taken.has(operand), `${operand} is two arguments`);
            taken.set(operand, index);
            if (place.kind === 'stack') {
              assert.deepEqual(
                { ...parsed, base: 'sp' },
                { kind: 'memory', base: 'sp', offset: BigInt(place.offset) },
              );
              assert.ok(place.offset >= end, `${operand} overlaps`);
              end = place.offset + size;
            } else if (place.kind === 'float') assert.equal(parsed.kind, 'none');
            else {
              assert.equal(parsed.kind, 'register');
              assert.ok('bits' in parsed && parsed.bits >= Math.min(8 * size, wordBits));
            }
          }
        },
      ),
    );
  });
}

test('nothing else in the library and the command knows a processor by its name', () => {
  const names = Object.values(PROCESSORS).flatMap(({ name, runtimeNames }) => [name, ...runtimeNames]);
  const any = [...new Set(names)].join('|');
  const quoted = new RegExp(`['"\`](?:${any})['"\`]|[{,]\\s*(?:${any}):`);
  const packages = fileURLToPath(new URL('../../../', import.meta.url));
  const found = ['libusdt', 'cli'].flatMap((name) => {
    const folder = join(packages, name, 'src');
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith(`arch${sep}`))
      .filter((file) => quoted.test(readFileSync(join(folder, file), 'utf8')))
      .map((file) => `${name}/${file.replaceAll(sep, '/')}`);
  });
  assert.deepEqual(found, ['libusdt/model/target.ts']);
});
