import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import type { Arch } from '../../src/model/target.ts';
import { encodeDeclarations, planDeclarations } from '../../src/notes/libusdt/declaration.ts';
import { SDT_NAMES } from '../../src/notes/stapsdt/name.ts';
import { encodeStapsdtNotes, planStapsdtNotes } from '../../src/notes/stapsdt/note.ts';
import {
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_PROGBITS,
} from '../../src/object/elf/constants.ts';
import { MACHINES } from '../../src/object/elf/machines.ts';
import {
  type PlannedSection,
  planSharedObject,
  type SharedObjectLayout,
  type SharedObjectPlan,
} from '../../src/object/elf/plan.ts';
import { type ElfFile, readElf } from '../../src/object/elf/reader.ts';
import {
  type SharedObjectContent,
  setBuildId,
  writeSharedObject,
} from '../../src/object/elf/shared-object.ts';
import type { SectionWriter } from '../../src/object/section.ts';
import { LOADERS, runLoaded } from './loaders.ts';
import { assertAccepted, run } from './tools.ts';

const ELF64 = { class: 64, data: 'lsb' } as const;
const folder = temporaryFolder();
const BUILD_ID = Uint8Array.from({ length: 20 }, (_, index) => 0xa0 + index);

function text(size: number, align = 64): PlannedSection {
  return { name: '.text', type: SHT_PROGBITS, flags: SHF_EXECINSTR, size, align };
}
/** A byte, as SDT notes want it. */
const BASE: PlannedSection = { name: '.stapsdt.base', type: SHT_PROGBITS, flags: 0, size: 1, align: 1 };
function zeros(size: number): PlannedSection {
  return { name: '.bss', type: SHT_NOBITS, flags: SHF_WRITE, size, align: 8 };
}
function note(name: string, bytes: Uint8Array | SectionWriter) {
  return { name, type: SHT_NOTE, align: 4, bytes };
}

/** Machine code for three functions; `forward` jumps to the import, `bump` counts in the last word of the data. */
function assemble({ plan, address, gotAddress }: SharedObjectLayout): Uint8Array {
  const text = new Uint8Array(TEXT_SIZE);
  const view = new DataView(text.buffer);
  const textAddress = address('.text');
  const got = gotAddress(plan.imports[0]!);
  const counter = address('.bss') + DATA_SIZE - 4;
  if (plan.arch === 'x64') {
    text.set([0xb8, 42, 0, 0, 0, 0xc3], ANSWER); // mov eax, 42; ret
    text.set([0xff, 0x25], FORWARD); // jmp [rip + got]
    view.setInt32(FORWARD + 2, got - (textAddress + FORWARD + 6), true);
    text.set([0x83, 0x05, 0, 0, 0, 0, 1, 0x8b, 0x05, 0, 0, 0, 0, 0xc3], BUMP); // add [counter], 1; mov eax, [counter]; ret
    view.setInt32(BUMP + 2, counter - (textAddress + BUMP + 7), true);
    view.setInt32(BUMP + 9, counter - (textAddress + BUMP + 13), true);
    return text;
  }
  if (plan.arch === 'i386') {
    text.set([0xb8, 42, 0, 0, 0, 0xc3], ANSWER); // mov eax, 42; ret
    text.set([0xe8, 0, 0, 0, 0, 0x59, 0xff, 0xa1], FORWARD); // call next; pop ecx; jmp [ecx + got]
    view.setInt32(FORWARD + 8, got - (textAddress + FORWARD + 5), true);
    // call next; pop ecx; add [ecx + counter], 1; mov eax, [ecx + counter]; ret
    text.set([0xe8, 0, 0, 0, 0, 0x59, 0x83, 0x81, 0, 0, 0, 0, 1, 0x8b, 0x81, 0, 0, 0, 0, 0xc3], BUMP);
    for (const at of [8, 15]) view.setInt32(BUMP + at, counter - (textAddress + BUMP + 5), true);
    return text;
  }
  const put = (at: number, ...words: number[]) => {
    words.forEach((word, index) => {
      view.setUint32(at + index * 4, word, true);
    });
  };
  const adrp = (register: number, at: number, target: number) => {
    const pages = Math.floor(target / 4096) - Math.floor((textAddress + at) / 4096);
    return (0x90000000 | ((pages & 3) << 29) | ((pages >> 2) << 5) | register) >>> 0;
  };
  put(ANSWER, 0x52800540, 0xd65f03c0); // mov w0, 42; ret
  put(FORWARD, adrp(16, FORWARD, got), 0xf9400210 | ((got % 4096) << 7), 0xd61f0200); // ldr x16, [x16, got]; br x16
  const low = (counter % 4096) << 8;
  put(BUMP, adrp(1, BUMP, counter), 0xb9400020 | low, 0x11000400, 0xb9000020 | low, 0xd65f03c0);
  return text;
}
const ANSWER = 0;
const FORWARD = 64;
const BUMP = 128;
const TEXT_SIZE = 192;
const DATA_SIZE = 200_000;

function plan(arch: Arch): SharedObjectPlan {
  return {
    arch,
    sections: [text(TEXT_SIZE), BASE, zeros(DATA_SIZE)],
    exports: ['answer', 'forward', 'bump'],
    imports: ['labs'],
  };
}

function build(arch: Arch): Uint8Array {
  const layout = planSharedObject(plan(arch));
  const { format } = MACHINES[arch].encoder;
  const pc = layout.address('.text') + ANSWER;
  const base = layout.address('.stapsdt.base');
  const declared = { pc, provider: 'web', module: 'm', function: 'f', name: 'request-start', types: ['int'] };
  const noted = { pc, base, semaphore: 0, provider: 'web', name: 'request__start', args: '-4@%edi' };
  return writeSharedObject(layout, {
    sections: { '.text': assemble(layout) },
    // Not in the order of the plan.
    exports: [
      { name: 'bump', section: '.text', offset: BUMP, size: 20 },
      { name: 'answer', section: '.text', offset: ANSWER, size: 8 },
      { name: 'forward', section: '.text', offset: FORWARD, size: 12 },
    ],
    symbols: { section: '.text', list: [{ name: 'inner', offset: ANSWER, size: 4 }] },
    unloaded: [
      note('.note.libusdt', encodeDeclarations([declared], format)),
      note('.note.stapsdt', encodeStapsdtNotes([noted], format)),
    ],
    buildId: BUILD_ID,
  });
}

const HARNESS = `
int printf(const char *, ...);
int check(void *object) {
  int (*answer)(void) = (int (*)(void))dlsym(object, "answer");
  long (*forward)(long) = (long (*)(long))dlsym(object, "forward");
  int (*bump)(void) = (int (*)(void))dlsym(object, "bump");
  if (!answer || !forward || !bump) { puts("a symbol is missing"); return 1; }
  if (dlsym(object, "inner")) { puts("a local symbol was found"); return 1; }
  printf("%d %ld %d", answer(), forward(-5), bump());
  printf(" %d", bump());
  printf(" %d\\n", dlclose(object));
  return 0;
}
`;

for (const loader of LOADERS) {
  test(`${loader.name} loads the object, finds exports, resolves imports`, loader.options, () => {
    const outcome = runLoaded(loader, folder, 'functions', HARNESS, build(loader.arch));
    assert.deepEqual(outcome, { stdout: '42 5 1 2 0\n', stderr: '', status: 0 });
  });
}

function judge(bytes: Uint8Array, file: string): void {
  const path = join(folder, file);
  writeFileSync(path, bytes);
  assertAccepted(path);
}

test('our reader, readelf, eu-elflint and llvm-readobj have nothing to say', () => {
  judge(build('x64'), 'x64.so');
  judge(build('arm64'), 'arm64.so');
  judge(build('i386'), 'i386.so');
  for (const [arch, base, size] of [
    ['x64', [], 0],
    ['arm64', [BASE], 4],
    ['x64', [BASE], 3000],
    ['i386', [BASE], 5],
  ] as const) {
    const layout = planSharedObject({
      arch,
      sections: [text(size, 4096), ...base],
      exports: [],
      imports: [],
    });
    judge(writeSharedObject(layout, { sections: {}, exports: [], buildId: BUILD_ID }), `least-${size}.so`);
  }
});

test('readelf sees the build id, the symbols and the notes', needs('readelf'), () => {
  const path = join(folder, 'seen.so');
  writeFileSync(path, build('x64'));
  const { stdout } = run('readelf', '-nsrdW', path);
  assert.match(stdout, /Build ID: a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3\n/);
  assert.match(stdout, /FUNC {4}GLOBAL DEFAULT +\d+ forward\n/);
  assert.match(stdout, /FUNC {4}LOCAL {2}DEFAULT +\d+ inner\n/);
  assert.match(stdout, /R_X86_64_GLOB_DAT +0+ labs \+ 0/);
  assert.match(stdout, /\(FLAGS\) +BIND_NOW/);
  assert.match(stdout, /Provider: web\n +Name: request__start\n/);
  assert.doesNotMatch(stdout, /SONAME|NEEDED|VERNEED/);
});

test('a file of 32 bits has the structures and relocations of its processor', needs('readelf'), () => {
  const path = join(folder, 'seen-386.so');
  writeFileSync(path, build('i386'));
  const { stdout } = run('readelf', '-aW', path);
  assert.match(stdout, /Class: +ELF32/);
  assert.match(stdout, /Machine: +Intel 80386/);
  assert.match(stdout, /R_386_GLOB_DAT +0+ +labs\n/);
  assert.match(stdout, /\(RELENT\) +8 \(bytes\)/);
  assert.doesNotMatch(stdout, /RELA/);
  assert.match(stdout, /Provider: web\n +Name: request__start\n/);
});

const symbolName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);
const anyPlan = fc
  .record({
    arch: fc.constantFrom<Arch>('x64', 'arm64', 'i386'),
    textSize: fc.nat(10_000),
    textAlign: fc.constantFrom(1, 4, 16, 64, 4096),
    names: fc.uniqueArray(symbolName, { maxLength: 40 }),
    exported: fc.nat(40),
    dataSize: fc.oneof(fc.constant(0), fc.nat(300_000)),
    stapsdtBase: fc.boolean(),
  })
  .map(({ names, exported, ...rest }) => ({
    ...rest,
    exports: names.slice(0, exported),
    imports: names.slice(exported),
  }));
type RandomPlan = typeof anyPlan extends fc.Arbitrary<infer Plan> ? Plan : never;
const anyNotes = fc.array(
  fc.record({ section: fc.constantFrom('.note.a', '.note.libusdt'), desc: fc.uint8Array({ maxLength: 40 }) }),
  { maxLength: 4 },
);
const anyLocals = fc.array(
  fc.tuple(fc.string({ minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true })),
  {
    maxLength: 30,
  },
);

interface Sample {
  readonly planned: RandomPlan;
  readonly layout: SharedObjectLayout;
  readonly content: SharedObjectContent;
}

const anySample: fc.Arbitrary<Sample> = fc
  .tuple(anyPlan, anyNotes, anyLocals, fc.boolean(), fc.infiniteStream(fc.nat(255)))
  .map(([randomPlan, notes, locals, stapsdt, random]) => {
    const { arch, exports, imports, textSize, textAlign, dataSize, stapsdtBase } = randomPlan;
    const layout = planSharedObject({
      ...{ arch, exports, imports },
      sections: [
        text(textSize, textAlign),
        ...(stapsdtBase ? [BASE] : []),
        ...(dataSize > 0 ? [zeros(dataSize)] : []),
      ],
    });
    const symbols = locals
      .map(([name, part]) => [name.replaceAll('\0', '?'), Math.floor(part * textSize)] as const)
      .map(([name, offset]) => ({ name, offset, size: textSize - offset }));
    const { length } = exports;
    const content = {
      sections: { '.text': new Uint8Array(textSize).map(() => random.next().value as number) },
      exports: exports.map((name, index) => {
        const offset = Math.floor((index / length) * textSize);
        return { name, section: '.text', offset, size: Math.min(7, textSize - offset) };
      }),
      symbols: { section: '.text', list: symbols },
      unloaded: [
        ...notes.map(({ section, desc }) => note(section, paddedNote(desc))),
        ...(stapsdt ? [note('.note.stapsdt', paddedNote(new Uint8Array(3)))] : []),
      ],
      buildId: new Uint8Array(20).fill(9),
    };
    return { planned: randomPlan, layout, content };
  });

/** A well-formed note, made by hand. */
function paddedNote(desc: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + 8 + Math.ceil(desc.length / 4) * 4);
  new Uint32Array(bytes.buffer, 0, 3).set([6, desc.length, 1]);
  bytes.set(new TextEncoder().encode('owner\0'), 12);
  bytes.set(desc, 20);
  return bytes;
}

interface Symbol {
  readonly name: string;
  readonly info: number;
  readonly shndx: number;
  readonly value: number;
  readonly size: number;
}

function readSymbols(file: ElfFile, section: string): Symbol[] {
  const table = file.section(section)!;
  const data = file.data(table);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const strings = file.data(file.sections[table.link]!);
  // Elf32_Sym and Elf64_Sym: where each field is.
  const [size, info, shndx, value, extent] =
    file.format.class === 64 ? [24, 4, 6, 8, 16] : [16, 12, 14, 4, 8];
  const word = (at: number): number =>
    file.format.class === 64 ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
  return Array.from({ length: data.length / size }, (_, index) => {
    const at = index * size;
    const start = view.getUint32(at, true);
    return {
      name: new TextDecoder().decode(strings.subarray(start, strings.indexOf(0, start))),
      info: view.getUint8(at + info),
      shndx: view.getUint16(at + shndx, true),
      value: word(at + value),
      size: word(at + extent),
    };
  });
}

test('every plan gives a file with what was planned, where it was planned', () => {
  fc.assert(
    fc.property(anySample, ({ planned, layout, content }) => {
      const textAddress = layout.address('.text');
      const bytes = writeSharedObject(layout, content);
      assert.deepEqual(writeSharedObject(layout, content), bytes, 'deterministic');
      const file = readElf(bytes);
      const [executable, writable, dynamic] = file.segments;
      const maxPage = planned.arch === 'arm64' ? 65536n : 4096n;

      assert.deepEqual([executable!.flags, executable!.offset, executable!.vaddr], [5, 0n, 0n]);
      assert.equal(writable!.flags, 6);
      assert.equal(writable!.offset % maxPage, writable!.vaddr % maxPage);
      assert.ok(writable!.vaddr / maxPage > (executable!.memsz - 1n) / maxPage, 'no page in both segments');
      assert.equal(writable!.vaddr + writable!.memsz, BigInt(layout.memorySize));
      assert.equal(dynamic!.vaddr, file.section('.dynamic')!.addr);

      for (const section of file.sections.slice(1)) {
        if (section.align > 0n) assert.equal(section.addr % section.align, 0n, section.name);
        assert.equal(section.offset % Number(section.align), 0, section.name);
        if ((section.flags & 2n) === 0n) continue;
        const segment = (section.flags & 1n) === 0n ? executable! : writable!;
        assert.equal(section.addr - segment.vaddr, BigInt(section.offset) - segment.offset, section.name);
        assert.ok(section.addr + BigInt(section.size) <= segment.vaddr + segment.memsz, section.name);
      }
      const code = file.section('.text')!;
      assert.equal(code.offset % planned.textAlign, 0);
      assert.equal(Number(code.addr), textAddress);
      assert.equal(code.offset, textAddress);
      assert.deepEqual(file.data(code), content.sections['.text']);
      assert.equal(file.section('.bss')?.size ?? 0, planned.dataSize);
      assert.equal(file.section('.stapsdt.base') !== undefined, planned.stapsdtBase);
      const written = file.sections.filter(({ type, name }) => type === 7 && name !== '.note.gnu.build-id');
      assert.deepEqual(
        written.map((section) => note(section.name, new Uint8Array(file.data(section)))),
        content.unloaded,
      );
      if (written.length > 0) assert.equal(file.sections.at(-1)!.type, 7, 'notes are last');

      const dynsym = readSymbols(file, '.dynsym');
      assert.deepEqual(
        dynsym.slice(1).map(({ name }) => name),
        [...planned.exports, ...planned.imports],
      );
      for (const { name, offset, size } of content.exports) {
        const symbol = dynsym.find((candidate) => candidate.name === name)!;
        assert.deepEqual(symbol, {
          name,
          info: 0x12,
          shndx: code.index,
          value: textAddress + offset,
          size,
        });
      }
      const locals = content.symbols!.list;
      if (locals.length > 0) {
        assert.deepEqual(
          readSymbols(file, '.symtab')
            .slice(1, locals.length + 1)
            .map(({ name, value, size, info }) => ({ name, offset: value - textAddress, size, info })),
          Array.from({ length: locals.length }, (_, index) => ({ ...locals.at(index)!, info: 2 })),
        );
      }
      const gots = planned.imports.map((name) => layout.gotAddress(name));
      assert.deepEqual(
        gots,
        gots.map((_, index) => Number(file.section('.got')!.addr) + (index * file.format.class) / 8),
      );
    }),
    { numRuns: 150 },
  );
});

test('our reader, readelf and friends accept samples of every plan', () => {
  fc.sample(anySample, { numRuns: 8, seed: 7 }).forEach(({ layout, content }, index) => {
    // A symbol table of arbitrary text is legal, but printed in ways that look like warnings.
    const { symbols, ...rest } = content;
    assert.ok(symbols);
    judge(writeSharedObject(layout, rest), `sample-${index}.so`);
  });
});

test('a hundred thousand probes fit', () => {
  const count = 100_000;
  const layout = planSharedObject({ arch: 'x64', sections: [text(count * 16)], exports: [], imports: [] });
  const symbols = Array.from({ length: count }, (_, index) => ({
    name: `probe_${index}`,
    offset: index * 16,
    size: 16,
  }));
  const bytes = encodeStapsdtNotes(
    symbols.map(({ name, offset }) => ({
      pc: offset,
      base: 8,
      semaphore: 0,
      provider: 'many',
      name,
      args: '8@%rdi',
    })),
    ELF64,
  );
  const file = writeSharedObject(layout, {
    sections: {},
    exports: [],
    symbols: { section: '.text', list: symbols },
    unloaded: [note('.note.stapsdt', bytes)],
    buildId: BUILD_ID,
  });
  assert.equal(readElf(file).section('.symtab')!.size, (count + 1) * 24);
});

test('notes written in place, a prefix of all symbols and a late build id give the same file', () => {
  const layout = planSharedObject({ ...plan('x64'), exports: [], imports: [] });
  const names = ['a', 'request__start', 'größe', '__größe__x', 'x'.repeat(63)];
  const symbols = names.map((name, index) => ({ name: `web__${name}`, offset: 8 * index, size: 8 }));
  const common = {
    semaphore: 0,
    base: layout.address('.stapsdt.base'),
    provider: 'web',
    args: '-4@%edi 8@%rsi',
  };
  const stapsdt = names.map((name, index) => ({ ...common, pc: layout.address('.text') + 8 * index, name }));
  const declared = stapsdt.map(({ pc, name }) => {
    return { pc, provider: 'web', module: 'm', function: name, name, types: ['int', 'char *'] };
  });
  const expected = writeSharedObject(layout, {
    sections: {},
    exports: [],
    symbols: { section: '.text', list: symbols },
    unloaded: [
      note('.note.libusdt', encodeDeclarations(declared, ELF64)),
      note('.note.stapsdt', encodeStapsdtNotes(stapsdt, ELF64)),
    ],
    buildId: BUILD_ID,
  });
  const symbol = { name: '', offset: 0, size: 8 };
  // As the user spells them.
  const dashed = names.map((name) => name.replaceAll('__', '-'));
  const spelled = stapsdt.map((probe, index) => ({ ...probe, name: dashed[index]! }));
  const file = writeSharedObject(layout, {
    sections: {},
    exports: [],
    symbols: {
      section: '.text',
      list: {
        length: names.length,
        at: (index) => Object.assign(symbol, { name: dashed[index], offset: 8 * index }),
      },
      prefix: 'web__',
      encoding: SDT_NAMES,
    },
    unloaded: [
      note('.note.libusdt', planDeclarations(declared, ELF64)),
      note('.note.stapsdt', planStapsdtNotes(spelled, ELF64, SDT_NAMES)),
    ],
  });
  assert.notDeepEqual(file, expected, 'the build id is still zero');
  setBuildId(layout, file, BUILD_ID);
  assert.deepEqual(file, expected);
  assert.throws(() => setBuildId(layout, file, new Uint8Array(21)), /build id has 21 bytes, planned were 20/);
});

test('what cannot be is refused', () => {
  const good = plan('x64');
  const sections = (...given: PlannedSection[]) => planSharedObject({ ...good, sections: given });
  assert.throws(() => sections(text(1, 48)), /\.text: the alignment must be a power of two/);
  assert.throws(() => sections(text(1, 8192)), /must be a power of two up to 4096/);
  assert.throws(() => sections(text(-1)), /\.text must be an integer/);
  assert.throws(() => sections(text(1), zeros(1.5)), /\.bss must be an integer/);
  assert.throws(() => sections(text(1), text(1)), /sections must have distinct names/);
  assert.throws(() => sections({ ...zeros(8), flags: 0 }), /\.bss is of zeros, and must be writable/);
  const data = { name: '.data', type: SHT_PROGBITS, flags: SHF_WRITE, size: 16, align: 8 };
  assert.throws(() => sections(zeros(8), data), /\.data must come before \.bss/);
  assert.throws(() => planSharedObject({ ...good, imports: ['answer'] }), /distinct names/);
  assert.throws(() => planSharedObject({ ...good, imports: [''] }), /must have a name/);
  assert.throws(() => planSharedObject({ ...good, imports: ['a\0b'] }), /NUL/);
  assert.throws(
    () => planSharedObject({ ...good, extraHeaders: 65_530 }),
    /65535 program headers, 65534 at most/,
  );

  const layout = planSharedObject({ ...good, sections: [text(TEXT_SIZE), data], exports: ['answer'] });
  assert.throws(() => layout.address('.stapsdt.base'), RangeError);
  assert.throws(() => layout.address('.bss'), RangeError);
  assert.throws(() => layout.gotAddress('answer'), RangeError);
  const answer = { name: 'answer', section: '.text', offset: 0, size: 8 };
  const content = { sections: {}, exports: [answer], buildId: BUILD_ID };
  const refused = (change: Partial<SharedObjectContent>, message: RegExp) =>
    assert.throws(() => writeSharedObject(layout, { ...content, ...change }), message);
  refused({ sections: { '.text': new Uint8Array(191) } }, /text has 191 bytes, planned were 192/);
  refused({ sections: { '.bss': new Uint8Array(8) } }, /planned without \.bss/);
  refused({ buildId: new Uint8Array(19) }, /build id/);
  refused({ exports: [] }, /planned export is missing: answer/);
  refused({ exports: [answer, answer] }, /twice: answer/);
  refused({ exports: [{ ...answer, offset: 190 }] }, /outside of \.text/);
  refused({ exports: [{ ...answer, section: '.bss' }] }, /planned without \.bss/);
  refused({ symbols: { section: '.text', list: [{ name: 's', offset: -1, size: 1 }] } }, /outside of \.text/);
  refused({ pointers: [{ section: '.data', offset: 0, target: 0 }] }, /1 pointers are given, planned were 0/);
  const one = { p_type: 0, p_flags: 0, p_offset: 0, p_vaddr: 0, p_filesz: 0, p_memsz: 1, p_align: 1 };
  refused({ headers: [one] }, /1 program headers are given, planned were 0/);
});
