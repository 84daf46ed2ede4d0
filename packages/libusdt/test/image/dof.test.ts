/**
 * Images with a DOF document for DTrace's daemon on Linux: the document and the SDT notes say the same, readers and
 * tracers other than dtrace take the file as they take one without, and one without is what it would be if there were
 * no DOF.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { readNotes } from '../../../../test/support/notes.ts';
import { INTEGERS, OTHERS, parseCType } from '../../src/ctypes/ctypes.ts';
import type { CTypeName } from '../../src/ctypes/infer.ts';
import { decodeDof } from '../../src/dof/decode.ts';
import { validateDof } from '../../src/dof/validate.ts';
import { dTypeNames } from '../../src/image/d-types.ts';
import type { ImageDefinition } from '../../src/image/definition.ts';
import { buildImage } from '../../src/image/image.ts';
import type { Target } from '../../src/model/target.ts';
import { decodeStapsdtNotes } from '../../src/notes/stapsdt/note.ts';
import { parseArguments } from '../../src/notes/stapsdt/operands.ts';
import { readElf } from '../../src/object/elf/reader.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { assertAccepted } from '../object/tools.ts';

const folder = temporaryFolder();
const TARGETS: readonly Target[] = [
  { os: 'linux', arch: 'x64', tracepoint: 'nop', dof: true },
  { os: 'linux', arch: 'x64', tracepoint: 'nop+nop10', dof: true },
  { os: 'linux', arch: 'arm64', tracepoint: 'nop', dof: true },
];
const TYPES = [...Object.keys(INTEGERS), ...Object.keys(OTHERS), 'int64_t*1000'] as CTypeName[];

const definitions = fc
  .uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z]$/),
      args: fc.array(fc.constantFrom(...TYPES), { maxLength: 32 }),
    }),
    { minLength: 1, maxLength: 12, selector: ({ name }) => name.replaceAll('-', '__') },
  )
  .map(
    (probes): ImageDefinition => ({
      provider: 'webapp',
      module: 'app',
      attributes: {
        provider: ['Stable', 'Stable', 'Common'],
        module: ['Private', 'Private', 'Unknown'],
        function: ['Private', 'Private', 'Unknown'],
        name: ['Stable', 'Stable', 'Common'],
        args: ['Evolving', 'Evolving', 'ISA'],
      },
      probes: probes.map(({ name, args }) => defineProbe(name, { function: `in_${name}`, args })),
    }),
  );

/** The document as a tracer finds it: in its section. */
function dofOf(bytes: Uint8Array): { readonly address: bigint; readonly bytes: Uint8Array } | undefined {
  const elf = readElf(bytes);
  const section = elf.section('.SUNW_dof');
  return section && { address: section.addr, bytes: elf.data(section) };
}

for (const target of TARGETS) {
  const title = `${target.arch} ${target.tracepoint}`;

  test(`DOF and notes name the same places and types: ${title}`, () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        const image = buildImage(definition, target);
        const elf = readElf(image.bytes);
        const notes = decodeStapsdtNotes(elf.data(elf.section('.note.stapsdt')!), elf.format);
        const found = dofOf(image.bytes)!;
        assert.deepEqual(validateDof(found.bytes, 'linux', { module: definition.module }), []);
        const { relocated, providers } = decodeDof(found.bytes);
        assert.equal(relocated, true);
        assert.deepEqual(
          providers.map(({ name, attributes }) => [name, attributes.provattr, attributes.argsattr]),
          [['webapp', 0x06060500, 0x05050400]],
        );
        for (const [index, probe] of providers[0]!.probes.entries()) {
          const { name, function: of, types } = definition.probes[index]!;
          assert.deepEqual([probe.name, probe.function], [name, of]);
          const [offset] = probe.offsets;
          assert.equal(probe.addr + BigInt(offset!), notes[index]!.pc);
          assert.equal(probe.offsets.length, 1);
          // dtrace has room for ten.
          assert.equal(probe.nativeTypes.length, Math.min(10, types.length));
          assert.deepEqual(probe.translatedTypes, probe.nativeTypes);
          const sizes = parseArguments(notes[index]!.args).map(({ size, signed }) => (signed ? -size : size));
          for (const [argument, type] of probe.nativeTypes.entries())
            assert.equal(SIZES[type], sizes[argument]);
        }
        // Where the library says it is, so that is what gets registered.
        const text = elf.section('.text')!;
        assert.equal(text.addr + BigInt(image.dof!.document), found.address);
        assert.equal(text.addr + BigInt(image.dof!.base), 0n);
        assert.deepEqual(image.dof!.bytes, Uint8Array.from(found.bytes));
        // It is loaded with the code, at the same place in the file as in memory, and nothing is to be relocated.
        const code = elf.segments.find(({ type, flags }) => type === 1 && (flags & 1) !== 0)!;
        assert.deepEqual([code.offset, code.vaddr], [0n, 0n]);
        assert.ok(found.address + BigInt(found.bytes.length) <= code.filesz);
        assert.equal(elf.section('.rela.dyn'), undefined);
      }),
      { numRuns: 40 },
    );
  });

  test(`readers take it: ${title}`, () => {
    const path = join(folder, `${title.replace(/\W/g, '-')}.so`);
    fc.assert(
      fc.property(definitions, (definition) => {
        writeFileSync(path, buildImage(definition, target).bytes);
        assertAccepted(path);
      }),
      { numRuns: 8 },
    );
  });
}

/** What D takes these types for, LP64; negative for signed ones. */
const SIZES: Readonly<Record<string, number>> = {
  int8_t: -1,
  char: -1,
  'signed char': -1,
  uint8_t: 1,
  'unsigned char': 1,
  int16_t: -2,
  short: -2,
  uint16_t: 2,
  'unsigned short': 2,
  int32_t: -4,
  int: -4,
  uint32_t: 4,
  'unsigned int': 4,
  int64_t: -8,
  long: -8,
  'long long': -8,
  ssize_t: -8,
  uint64_t: 8,
  'unsigned long': 8,
  'unsigned long long': 8,
  size_t: 8,
  uintptr_t: 8,
  'char *': 8,
  'void *': 8,
};

test('every type has a name that D knows', () => {
  for (const name of TYPES) {
    const type = parseCType(name);
    const [shown, ...more] = dTypeNames('x64', type);
    assert.equal(SIZES[shown!], type.signed ? -type.size : type.size, name);
    assert.deepEqual(more, []);
  }
});

test('with words of 32 bits no type is larger for D, whose kernel may have 64, and what is larger for C is two', () => {
  const INTS: Readonly<Record<string, string>> = { '-4': 'int32_t', 4: 'uint32_t' };
  for (const name of TYPES) {
    const type = parseCType(name);
    const shown = dTypeNames('i386', type);
    if (type.size32 === 8) assert.deepEqual(shown, ['uint32_t', type.signed ? 'int32_t' : 'uint32_t'], name);
    else if (type.size32 !== type.size && !/[*n]$/.test(name))
      assert.deepEqual(shown, [INTS[type.signed ? -4 : 4]], name);
    else assert.deepEqual(shown, dTypeNames('x64', type), name);
  }
});

const ONE: ImageDefinition = {
  provider: 'webapp',
  module: 'app',
  probes: [defineProbe('request-start', ['int', 'char *']), defineProbe('request-done', [])],
};
const X64: Target = { os: 'linux', arch: 'x64', tracepoint: 'nop' };

test('without DOF there is nothing of it in the file', () => {
  const plain = buildImage(ONE, X64);
  assert.equal(plain.dof, undefined);
  assert.equal(dofOf(plain.bytes), undefined);
  assert.equal(readElf(plain.bytes).segments.length, 5);
  assert.notDeepEqual(plain.buildId, buildImage(ONE, { ...X64, dof: true }).buildId);
  const attributes = { ...evolvingAttributes(), name: ['Unstable', 'Unstable', 'ISA'] as const };
  assert.deepEqual(buildImage({ ...ONE, attributes }, X64).bytes, plain.bytes, 'notes know no attributes');
});

function evolvingAttributes(): NonNullable<ImageDefinition['attributes']> {
  const evolving = ['Evolving', 'Evolving', 'ISA'] as const;
  const other = ['Private', 'Private', 'Unknown'] as const;
  return { provider: evolving, module: other, function: other, name: evolving, args: evolving };
}

test('by default names and arguments are evolving, module and function private', () => {
  const [provider] = decodeDof(buildImage(ONE, { ...X64, dof: true }).dof!.bytes).providers;
  assert.deepEqual(provider!.attributes, {
    provattr: 0x05050400,
    modattr: 0x01010000,
    funcattr: 0x01010000,
    nameattr: 0x05050400,
    argsattr: 0x05050400,
  });
});

/**
 * How dtrace 2.0.7 turns the address of a note into a file offset: the last program header around it wins, of whatever
 * type, and notes at offset 0 are passed over.
 */
function offsetForDtrace(bytes: Uint8Array, pc: bigint): bigint {
  let offset = 0n;
  for (const segment of readElf(bytes).segments) {
    if (pc >= segment.vaddr && pc < segment.vaddr + segment.memsz) {
      offset = pc - segment.vaddr + segment.offset;
    }
  }
  return offset;
}

test('dtrace passes over the notes of what is in the DOF, and finds those of an image without', () => {
  for (const dof of [false, true]) {
    const { bytes } = buildImage(ONE, { ...X64, dof });
    const elf = readElf(bytes);
    for (const { pc } of decodeStapsdtNotes(elf.data(elf.section('.note.stapsdt')!), elf.format)) {
      assert.equal(offsetForDtrace(bytes, pc), dof ? 0n : pc);
    }
  }
});

test('thousands of probes do not mean thousands of program headers', () => {
  const probes = Array.from({ length: 5000 }, (_, i) => defineProbe(`probe-${i}x`, ['int']));
  const image = buildImage({ ...ONE, probes }, { ...X64, dof: true });
  assert.equal(readElf(image.bytes).segments.length, 5);
  assert.equal(decodeDof(image.dof!.bytes).providers[0]!.probes.length, 5000);
  const path = join(folder, 'large.so');
  writeFileSync(path, image.bytes);
  const listed = readNotes(path).filter(({ name }) => /^probe__\d+x$/.test(name));
  assert.equal(listed.length, 5000);
});
