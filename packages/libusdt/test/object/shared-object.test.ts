import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import type { Arch } from '../../src/model/target.ts';
import { encodeDeclarations, planDeclarations } from '../../src/notes/libusdt/declaration.ts';
import { SDT_SPELLING } from '../../src/notes/stapsdt/name.ts';
import { encodeStapsdtNotes, planStapsdtNotes } from '../../src/notes/stapsdt/note.ts';
import { MACHINES } from '../../src/object/elf/machines.ts';
import { type ElfFile, readElf } from '../../src/object/elf/reader.ts';
import {
  planSharedObject,
  type SharedObjectContent,
  type SharedObjectLayout,
  type SharedObjectPlan,
  setBuildId,
  writeSharedObject,
} from '../../src/object/elf/shared-object.ts';
import { assertAccepted, RUNS_I386, run } from './tools.ts';

const ELF64 = { class: 64, data: 'lsb' } as const;
const folder = temporaryFolder();
const BUILD_ID = Uint8Array.from({ length: 20 }, (_, index) => 0xa0 + index);

/** Machine code for three functions; `forward` jumps to the import, `bump` counts in the last word of the data. */
function assemble({ plan, textAddress, dataAddress, gotAddress }: SharedObjectLayout): Uint8Array {
  const text = new Uint8Array(plan.textSize);
  const view = new DataView(text.buffer);
  const got = gotAddress(plan.imports[0]!);
  const counter = dataAddress + plan.dataSize - 4;
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

function plan(arch: Arch): SharedObjectPlan {
  return {
    arch,
    textSize: 192,
    textAlign: 64,
    exports: ['answer', 'forward', 'bump'],
    imports: ['labs'],
    dataSize: 200_000,
    stapsdtBase: true,
  };
}

function build(arch: Arch): Uint8Array {
  const layout = planSharedObject(plan(arch));
  const { format } = MACHINES[arch].encoder;
  const pc = layout.textAddress + ANSWER;
  const base = layout.stapsdtBaseAddress;
  return writeSharedObject(layout, {
    text: assemble(layout),
    // Not in the order of the plan.
    exports: [
      { name: 'bump', offset: BUMP, size: 20 },
      { name: 'answer', offset: ANSWER, size: 8 },
      { name: 'forward', offset: FORWARD, size: 12 },
    ],
    symbols: [{ name: 'inner', offset: ANSWER, size: 4 }],
    notes: [
      {
        section: '.note.libusdt',
        bytes: encodeDeclarations(
          [{ pc, provider: 'web', module: 'm', function: 'f', name: 'request-start', types: ['int'] }],
          format,
        ),
      },
      {
        section: '.note.stapsdt',
        bytes: encodeStapsdtNotes(
          [{ pc, base, semaphore: 0, provider: 'web', name: 'request__start', args: '-4@%edi' }],
          format,
        ),
      },
    ],
    buildId: BUILD_ID,
  });
}

// Without headers and start files, which a cross compiler may lack.
const HARNESS = `
void *dlopen(const char *, int);
void *dlsym(void *, const char *);
char *dlerror(void);
int dlclose(void *);
int puts(const char *);
int printf(const char *, ...);
_Noreturn void exit(int);
int main(int argc, char **argv) {
  void *object = dlopen(argv[1], 2 /* RTLD_NOW */);
  if (!object) { puts(dlerror()); return 1; }
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
#ifdef BARE
_Noreturn void run(long *stack) { exit(main((int)stack[0], (char **)(stack + 1))); }
__asm__(".globl _start\\n_start: mov x0, sp\\n b run\\n");
#endif
`;

const CROSS = '/usr/aarch64-linux-gnu';
const CROSS_LIBC = `${CROSS}/lib/libc.so.6`;
const CROSS_386 = '/usr/i686-linux-gnu/lib';
const LOADER_386 = `${CROSS_386}/ld-linux.so.2`;
const EMULATOR_386 = RUNS_I386 ? [] : ['qemu-i386-static'];
const LOADERS = [
  { name: 'glibc on x64', arch: 'x64', compiler: 'gcc', flags: ['-ldl'], runner: [], wanted: [] },
  { name: 'musl on x64', arch: 'x64', compiler: 'musl-gcc', flags: ['-ldl'], runner: [], wanted: [] },
  {
    name: 'glibc on arm64',
    arch: 'arm64',
    compiler: 'aarch64-linux-gnu-gcc',
    flags: ['-DBARE', '-nostdlib', '-nostartfiles', CROSS_LIBC, `${CROSS}/lib/ld-linux-aarch64.so.1`],
    runner: ['qemu-aarch64-static', '-L', CROSS],
    wanted: ['qemu-aarch64-static', CROSS_LIBC],
  },
  {
    name: 'glibc on i386',
    arch: 'i386',
    compiler: 'i686-linux-gnu-gcc',
    flags: ['-ldl'],
    runner: [...EMULATOR_386, LOADER_386, '--library-path', CROSS_386],
    wanted: [LOADER_386],
  },
] as const;

for (const { name, arch, compiler, flags, runner, wanted } of LOADERS) {
  const runs = arch !== 'x64' || (process.arch === 'x64' && process.platform === 'linux');
  const options = runs ? needs(compiler, ...wanted) : { skip: 'for another machine' };
  test(`${name} loads the object, finds exports, resolves imports`, options, () => {
    const source = join(folder, 'harness.c');
    const harness = join(folder, `harness-${compiler}`);
    const object = join(folder, `loaded-${compiler}.so`);
    writeFileSync(source, HARNESS);
    writeFileSync(object, build(arch), { mode: 0o755 });
    const compiled = run(compiler, '-O1', '-o', harness, source, ...flags);
    assert.equal(compiled.status, 0, compiled.stderr);
    const [program, ...args] = [...runner, harness, object];
    const { stdout, stderr, status } = run(program!, ...args);
    assert.deepEqual({ stdout, stderr, status }, { stdout: '42 5 1 2 0\n', stderr: '', status: 0 });
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
  for (const [arch, stapsdtBase, textSize] of [
    ['x64', false, 0],
    ['arm64', true, 4],
    ['x64', true, 3000],
    ['i386', true, 5],
  ] as const) {
    const layout = planSharedObject({
      arch,
      textSize,
      textAlign: 4096,
      exports: [],
      imports: [],
      dataSize: 0,
      stapsdtBase,
    });
    const text = new Uint8Array(textSize);
    judge(
      writeSharedObject(layout, { text, exports: [], notes: [], buildId: BUILD_ID }),
      `least-${textSize}.so`,
    );
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
    buildIdSize: fc.integer({ min: 1, max: 32 }),
  })
  .map(({ names, exported, ...rest }) => ({
    ...rest,
    exports: names.slice(0, exported),
    imports: names.slice(exported),
  }));
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
  readonly layout: SharedObjectLayout;
  readonly content: SharedObjectContent;
}

const anySample: fc.Arbitrary<Sample> = fc
  .tuple(anyPlan, anyNotes, anyLocals, fc.boolean(), fc.infiniteStream(fc.nat(255)))
  .map(([randomPlan, notes, locals, stapsdt, random]) => {
    const layout = planSharedObject(randomPlan);
    const text = new Uint8Array(randomPlan.textSize).map(() => random.next().value as number);
    const symbols = locals
      .map(([name, part]) => [name.replaceAll('\0', '?'), Math.floor(part * randomPlan.textSize)] as const)
      .map(([name, offset]) => ({ name, offset, size: randomPlan.textSize - offset }));
    const { length } = randomPlan.exports;
    const content = {
      text,
      exports: randomPlan.exports.map((name, index) => {
        const offset = Math.floor((index / length) * randomPlan.textSize);
        return { name, offset, size: Math.min(7, randomPlan.textSize - offset) };
      }),
      symbols,
      notes: [
        ...notes.map(({ section, desc }) => ({ section, bytes: paddedNote(desc) })),
        ...(stapsdt ? [{ section: '.note.stapsdt', bytes: paddedNote(new Uint8Array(3)) }] : []),
      ],
      buildId: new Uint8Array(randomPlan.buildIdSize).fill(9),
    };
    return { layout, content };
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
    fc.property(anySample, ({ layout, content }) => {
      const { plan: planned } = layout;
      const bytes = writeSharedObject(layout, content);
      assert.deepEqual(writeSharedObject(layout, content), bytes, 'deterministic');
      const file = readElf(bytes);
      const [code, writable, dynamic] = file.segments;
      const maxPage = planned.arch === 'arm64' ? 65536n : 4096n;

      assert.deepEqual([code!.flags, code!.offset, code!.vaddr], [5, 0n, 0n]);
      assert.equal(writable!.flags, 6);
      assert.equal(writable!.offset % maxPage, writable!.vaddr % maxPage);
      assert.ok(writable!.vaddr / maxPage > (code!.memsz - 1n) / maxPage, 'no page in both segments');
      assert.equal(writable!.vaddr + writable!.memsz, BigInt(layout.memorySize));
      assert.equal(dynamic!.vaddr, file.section('.dynamic')!.addr);

      for (const section of file.sections.slice(1)) {
        if (section.align > 0n) assert.equal(section.addr % section.align, 0n, section.name);
        assert.equal(section.offset % Number(section.align), 0, section.name);
        if ((section.flags & 2n) === 0n) continue;
        const segment = (section.flags & 1n) === 0n ? code! : writable!;
        assert.equal(section.addr - segment.vaddr, BigInt(section.offset) - segment.offset, section.name);
        assert.ok(section.addr + BigInt(section.size) <= segment.vaddr + segment.memsz, section.name);
      }
      const text = file.section('.text')!;
      assert.equal(text.offset % planned.textAlign, 0);
      assert.equal(Number(text.addr), layout.textAddress);
      assert.equal(layout.textOffset, layout.textAddress);
      assert.deepEqual(file.data(text), content.text);
      assert.equal(file.section('.bss')?.size ?? 0, planned.dataSize);
      assert.equal(file.section('.stapsdt.base') !== undefined, planned.stapsdtBase);
      const written = file.sections.filter(({ type, name }) => type === 7 && name !== '.note.gnu.build-id');
      assert.deepEqual(
        written.map((section) => ({ section: section.name, bytes: new Uint8Array(file.data(section)) })),
        content.notes,
      );
      if (content.notes.length > 0) assert.equal(file.sections.at(-1)!.type, 7, 'notes are last');

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
          shndx: text.index,
          value: layout.textAddress + offset,
          size,
        });
      }
      const locals = content.symbols ?? [];
      if (locals.length > 0) {
        assert.deepEqual(
          readSymbols(file, '.symtab')
            .slice(1, locals.length + 1)
            .map(({ name, value, size, info }) => ({ name, offset: value - layout.textAddress, size, info })),
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
    judge(writeSharedObject(layout, { ...content, symbols: [] }), `sample-${index}.so`);
  });
});

test('a hundred thousand probes fit', () => {
  const count = 100_000;
  const layout = planSharedObject({ ...plan('x64'), textSize: count * 16, exports: [], imports: [] });
  const symbols = Array.from({ length: count }, (_, index) => ({
    name: `probe_${index}`,
    offset: index * 16,
    size: 16,
  }));
  const text = new Uint8Array(count * 16);
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
  const notes = [{ section: '.note.stapsdt', bytes }];
  const file = writeSharedObject(layout, { text, exports: [], symbols, notes, buildId: BUILD_ID });
  assert.equal(readElf(file).section('.symtab')!.size, (count + 1) * 24);
});

test('notes written in place, a prefix of all symbols and a late build id give the same file', () => {
  const layout = planSharedObject({ ...plan('x64'), exports: [], imports: [] });
  const text = new Uint8Array(layout.plan.textSize);
  const names = ['a', 'request__start', 'größe', '__größe__x', 'x'.repeat(63)];
  const symbols = names.map((name, index) => ({ name: `web__${name}`, offset: 8 * index, size: 8 }));
  const common = { semaphore: 0, base: layout.stapsdtBaseAddress, provider: 'web', args: '-4@%edi 8@%rsi' };
  const stapsdt = names.map((name, index) => ({ ...common, pc: layout.textAddress + 8 * index, name }));
  const declared = stapsdt.map(({ pc, name }) => {
    return { pc, provider: 'web', module: 'm', function: name, name, types: ['int', 'char *'] };
  });
  const expected = writeSharedObject(layout, {
    text,
    exports: [],
    symbols,
    notes: [
      { section: '.note.libusdt', bytes: encodeDeclarations(declared, ELF64) },
      { section: '.note.stapsdt', bytes: encodeStapsdtNotes(stapsdt, ELF64) },
    ],
    buildId: BUILD_ID,
  });
  const symbol = { name: '', offset: 0, size: 8 };
  // As the user spells them.
  const dashed = names.map((name) => name.replaceAll('__', '-'));
  const spelled = stapsdt.map((probe, index) => ({ ...probe, name: dashed[index]! }));
  const file = writeSharedObject(layout, {
    text,
    exports: [],
    symbolPrefix: 'web__',
    symbols: {
      length: names.length,
      at: (index) => Object.assign(symbol, { name: dashed[index], offset: 8 * index }),
    },
    symbolSpelling: SDT_SPELLING,
    notes: [
      { section: '.note.libusdt', bytes: planDeclarations(declared, ELF64) },
      { section: '.note.stapsdt', bytes: planStapsdtNotes(spelled, ELF64, SDT_SPELLING) },
    ],
  });
  assert.notDeepEqual(file, expected, 'the build id is still zero');
  setBuildId(layout, file, BUILD_ID);
  assert.deepEqual(file, expected);
  assert.throws(() => setBuildId(layout, file, new Uint8Array(21)), /build id has 21 bytes, planned were 20/);
});

test('what cannot be is refused', () => {
  const good = plan('x64');
  assert.throws(() => planSharedObject({ ...good, textAlign: 48 }), /textAlign must be a power of two/);
  assert.throws(
    () => planSharedObject({ ...good, textAlign: 8192 }),
    /textAlign must be a power of two up to 4096/,
  );
  assert.throws(() => planSharedObject({ ...good, textSize: -1 }), /textSize/);
  assert.throws(() => planSharedObject({ ...good, dataSize: 1.5 }), /dataSize/);
  assert.throws(() => planSharedObject({ ...good, imports: ['answer'] }), /distinct names/);
  assert.throws(() => planSharedObject({ ...good, imports: [''] }), /must have a name/);
  assert.throws(() => planSharedObject({ ...good, imports: ['a\0b'] }), /NUL/);

  const layout = planSharedObject({ ...good, exports: ['answer'], stapsdtBase: false, dataSize: 0 });
  assert.throws(() => layout.stapsdtBaseAddress, RangeError);
  assert.throws(() => layout.dataAddress, RangeError);
  assert.throws(() => layout.gotAddress('answer'), RangeError);
  const answer = { name: 'answer', offset: 0, size: 8 };
  const content = { text: new Uint8Array(192), exports: [answer], notes: [], buildId: BUILD_ID };
  const refused = (change: Partial<SharedObjectContent>, message: RegExp) =>
    assert.throws(() => writeSharedObject(layout, { ...content, ...change }), message);
  refused({ text: new Uint8Array(191) }, /text has 191 bytes, planned were 192/);
  refused({ buildId: new Uint8Array(19) }, /build id/);
  refused({ exports: [] }, /planned export is missing: answer/);
  refused({ exports: [answer, answer] }, /twice: answer/);
  refused({ exports: [{ ...answer, offset: 190 }] }, /outside the text/);
  refused({ symbols: [{ name: 's', offset: -1, size: 1 }] }, /outside the text/);
  const note = { bytes: new Uint8Array(0) };
  refused(
    {
      notes: [
        { section: '.note.stapsdt', ...note },
        { section: '.note.x', ...note },
      ],
    },
    /must be the last/,
  );
});
