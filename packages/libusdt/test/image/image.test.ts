/**
 * Images of random definitions for every target, through every independent reader: what readelf lists is what was
 * defined, the readers have nothing to complain of, and the instruction at each location is the tracepoint.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { readNotes } from '../../../../test/support/notes.ts';
import { createAssembler } from '../../src/arch/assemblers.ts';
import { INTEGERS, OTHERS } from '../../src/ctypes/ctypes.ts';
import type { CTypeName } from '../../src/ctypes/infer.ts';
import type { ImageDefinition } from '../../src/image/definition.ts';
import { buildImage } from '../../src/image/image.ts';
import type { Target } from '../../src/model/target.ts';
import { decodeDeclarations } from '../../src/notes/libusdt/declaration.ts';
import { sdtName } from '../../src/notes/stapsdt/name.ts';
import { decodeStapsdtNotes } from '../../src/notes/stapsdt/note.ts';
import { parseArguments } from '../../src/notes/stapsdt/operands.ts';
import { ElfError, readElf } from '../../src/object/elf/reader.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { assertAccepted, run } from '../object/tools.ts';

const folder = temporaryFolder();
const TARGETS: readonly Target[] = [
  { os: 'linux', arch: 'x64', tracepoint: 'nop' },
  { os: 'linux', arch: 'x64', tracepoint: 'nop5' },
  { os: 'linux', arch: 'x64', tracepoint: 'nop+nop10' },
  { os: 'linux', arch: 'arm64', tracepoint: 'nop' },
  { os: 'linux', arch: 'i386', tracepoint: 'nop' },
];
/** The tracepoint as objdump prints it. */
const INSTRUCTION: Record<string, RegExp> = {
  'x64 nop': /^nop$/,
  'x64 nop5': /^nopl? +0x0\(%rax,%rax,1\)$/,
  'x64 nop+nop10': /^nop$/,
  'arm64 nop': /^nop$/,
  'i386 nop': /^nop$/,
};
const OBJDUMP = { x64: 'objdump', arm64: 'aarch64-linux-gnu-objdump', i386: 'objdump' } as const;

const typeNames = [...Object.keys(INTEGERS), ...Object.keys(OTHERS), 'int64_t*1000', 'int16_t*10'];
// Not words that look like a reader's warning.
const identifier = fc.stringMatching(/^[A-DF-Va-df-v_][A-DF-Va-df-v0-9_-]{0,20}$/);
const definitions = fc
  .record(
    {
      provider: identifier.map((name) => `${name}x`),
      module: fc.stringMatching(/^[A-Za-z0-9_.+@-]{1,20}$/),
      probes: fc.uniqueArray(
        fc.record({
          name: identifier,
          function: fc.stringMatching(/^[A-Za-z0-9_.$<>~#+@-]{1,40}$/),
          args: fc.array(fc.constantFrom(...typeNames), { maxLength: 32 }),
        }),
        { minLength: 1, maxLength: 12, selector: ({ name, function: of }) => `${of}:${sdtName(name)}` },
      ),
    },
    { noNullPrototype: true },
  )
  .map(
    ({ provider, module, probes }): ImageDefinition => ({
      provider,
      module,
      probes: probes.map(({ name, function: of, args }) =>
        defineProbe(name, { function: of, args: args as CTypeName[] }),
      ),
    }),
  );

/** Instructions by address. */
function disassembled(path: string, arch: Target['arch']): Map<number, string> {
  const { stdout, status } = run(OBJDUMP[arch], '-d', '--no-show-raw-insn', path);
  assert.equal(status, 0);
  const lines = [...stdout.matchAll(/^ *([0-9a-f]+):\t(.*?) *$/gm)];
  return new Map(lines.map(([, address, text]) => [Number.parseInt(address!, 16), text!]));
}

for (const target of TARGETS) {
  const title = `${target.arch} ${target.tracepoint}`;
  test(`independent readers see what was defined: ${title}`, () => {
    const path = join(folder, `${title.replace(/\W/g, '-')}.so`);
    fc.assert(
      fc.property(definitions, (definition) => {
        const image = buildImage(definition, target);
        writeFileSync(path, image.bytes);
        const listed = readNotes(path);
        const wanted = definition.probes.map(({ name }) => [sdtName(definition.provider), sdtName(name)]);
        assert.deepEqual(
          listed.map(({ provider, name }) => [provider, name]),
          wanted,
        );
        const code = without(OBJDUMP[target.arch]) ? undefined : disassembled(path, target.arch);
        for (const [index, { types }] of definition.probes.entries()) {
          const { args, pc } = listed[index]!;
          const sizes = parseArguments(args).map(({ size, signed }) => (signed ? -size : size));
          const shown = types.slice(0, 12).map((type) => {
            const size = target.arch === 'i386' ? type.size32 : type.size;
            return type.signed ? -size : size;
          });
          assert.deepEqual(sizes, shown);
          if (code) assert.match(code.get(Number(pc)) ?? 'no instruction there', INSTRUCTION[title]!);
        }
        assertAccepted(path);
      }),
      { numRuns: 12 },
    );
  });

  test(`our own readers read back what was written: ${title}`, () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        const image = buildImage(definition, target);
        const elf = readElf(image.bytes);
        const text = elf.section('.text')!;
        assert.equal(elf.sections.at(-1)!.name, '.note.stapsdt');
        const notes = decodeStapsdtNotes(elf.data(elf.section('.note.stapsdt')!), elf.format);
        const declared = decodeDeclarations(elf.data(elf.section('.note.libusdt')!), elf.format);
        assert.deepEqual(
          declared.map(({ pc, ...rest }) => ({ pc, ...rest })),
          definition.probes.map(({ name, function: of, types }, index) => ({
            pc: notes[index]!.pc,
            provider: definition.provider,
            module: definition.module,
            function: of,
            name,
            types: types.map((type) => type.name),
          })),
        );
        const words = new DataView(image.bytes.buffer, image.bytes.byteOffset + text.offset, text.size);
        for (let index = 0; index < image.sites.length; index++) {
          const { site, idle, entry } = image.sites.at(index)!;
          assert.equal(notes[index]!.pc, text.addr + BigInt(site));
          assert.equal(site % 4, 0, 'one aligned load watches the site');
          assert.equal(words.getInt32(site, true), idle);
          assert.ok(entry <= site);
        }
        assert.equal(image.textSize, text.size);
      }),
      { numRuns: 50 },
    );
  });

  test(`probes of one kind in a row lie where they would one by one: ${title}`, () => {
    const runs = fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 12 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(runs, (kinds) => {
        const counts = kinds.flatMap(([argc, size]) => Array.from({ length: size }, () => argc));
        const probes = counts.map((argc, index) =>
          defineProbe(
            `probe-${index}`,
            Array.from({ length: argc }, () => 'int' as const),
          ),
        );
        const { sites } = buildImage({ provider: 'webapp', module: 'webapp', probes }, target);
        const asm = createAssembler(target.arch);
        for (const [index, argc] of counts.entries()) {
          const { entry, site } = asm.probe(argc, target.tracepoint);
          assert.deepEqual({ ...sites.at(index), idle: 0 }, { entry, site, idle: 0 });
        }
      }),
      { numRuns: 30 },
    );
  });

  test(`the same definition gives the same bytes, any other gives others: ${title}`, () => {
    fc.assert(
      fc.property(definitions, definitions, (one, other) => {
        const image = buildImage(one, target);
        assert.deepEqual(buildImage(structuredClone(one), target).bytes, image.bytes);
        const { buildId } = buildImage(other, target);
        const same = JSON.stringify(one) === JSON.stringify(other);
        assert.equal(Buffer.compare(buildId, image.buildId) === 0, same);
      }),
      { numRuns: 30 },
    );
  });
}

test('a damaged image is refused or read, never more than that', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(definitions, damage, fc.option(fc.nat()), (definition, changes, cut) => {
      const whole = buildImage(definition, TARGETS[0]!).bytes;
      const bytes = whole.slice(0, cut === null ? whole.length : cut % whole.length);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      try {
        const elf = readElf(bytes);
        const notes = elf.section('.note.stapsdt');
        if (notes) decodeStapsdtNotes(elf.data(notes), elf.format);
        const declarations = elf.section('.note.libusdt');
        if (declarations) decodeDeclarations(elf.data(declarations), elf.format);
      } catch (error) {
        if (!(error instanceof ElfError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
