/** Initialised data that holds addresses: tables of names and functions, such as the modules of other languages have. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import type { Arch } from '../../src/model/target.ts';
import { SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from '../../src/object/elf/constants.ts';
import { MACHINES } from '../../src/object/elf/machines.ts';
import { type PlannedSection, planSharedObject } from '../../src/object/elf/plan.ts';
import { type SharedObjectContent, writeSharedObject } from '../../src/object/elf/shared-object.ts';
import { writeBundle } from '../../src/object/macho/bundle.ts';
import { S_CODE, S_REGULAR } from '../../src/object/macho/constants.ts';
import { planBundle } from '../../src/object/macho/plan.ts';
import { LOADERS, runLoaded } from './loaders.ts';
import { assertAccepted, run } from './tools.ts';

const folder = temporaryFolder();
const NAMES = 'answer\0other\0';

/** Two functions, 16 bytes each: `return 42`, `return 43`. */
const CODE: Readonly<Record<Arch, Uint8Array>> = {
  x64: functions([0xb8, 42, 0, 0, 0, 0xc3], [0xb8, 43, 0, 0, 0, 0xc3]),
  i386: functions([0xb8, 42, 0, 0, 0, 0xc3], [0xb8, 43, 0, 0, 0, 0xc3]),
  arm64: functions([0x40, 5, 0x80, 0x52, 0xc0, 3, 0x5f, 0xd6], [0x60, 5, 0x80, 0x52, 0xc0, 3, 0x5f, 0xd6]),
};

function functions(...all: readonly number[][]): Uint8Array {
  const code = new Uint8Array(16 * all.length);
  for (const [index, bytes] of all.entries()) code.set(bytes, 16 * index);
  return code;
}

/** A table as luaL_Reg[]: name and function of each, ended by an empty row. Behind it, a word that is no address. */
function tablePlan(arch: Arch): { readonly sections: readonly PlannedSection[]; readonly word: number } {
  const { word } = MACHINES[arch].encoder.sizes;
  return {
    word,
    sections: [
      { name: '.text', type: SHT_PROGBITS, flags: SHF_EXECINSTR, size: 32, align: 16 },
      { name: '.rodata', type: SHT_PROGBITS, flags: 0, size: NAMES.length, align: 1 },
      { name: '.data', type: SHT_PROGBITS, flags: SHF_WRITE, size: 7 * word, align: word },
      { name: '.bss', type: SHT_NOBITS, flags: SHF_WRITE, size: 64, align: 8 },
    ],
  };
}

function build(arch: Arch, change: Partial<SharedObjectContent> = {}): Uint8Array {
  const { sections, word } = tablePlan(arch);
  const layout = planSharedObject({ arch, sections, exports: ['table'], imports: ['labs'], pointerCount: 4 });
  const data = new Uint8Array(7 * word);
  data[6 * word] = 99;
  const [code, names] = [layout.address('.text'), layout.address('.rodata')];
  return writeSharedObject(layout, {
    sections: { '.text': CODE[arch], '.rodata': new TextEncoder().encode(NAMES), '.data': data },
    exports: [{ name: 'table', section: '.data', offset: 0, size: 7 * word }],
    pointers: [names, code, names + 7, code + 16].map((target, index) => {
      return { section: '.data', offset: index * word, target };
    }),
    ...change,
  });
}

const HARNESS = `
int printf(const char *, ...);
struct row { const char *name; int (*call)(void); };
struct table { struct row rows[3]; unsigned long last; };
int check(void *object) {
  struct table *table = dlsym(object, "table");
  if (!table) { puts("no table"); return 1; }
  for (struct row *row = table->rows; row->name; row++) printf("%s %d, ", row->name, row->call());
  printf("%lu\\n", table->last);
  return dlclose(object);
}
`;

for (const loader of LOADERS) {
  test(`${loader.name} finds the names and functions of a table`, loader.options, () => {
    const outcome = runLoaded(loader, folder, 'table', HARNESS, build(loader.arch));
    assert.deepEqual(outcome, { stdout: 'answer 42, other 43, 99\n', stderr: '', status: 0 });
  });
}

test(
  'readelf, eu-elflint and llvm-readobj accept the table, and see what the loader does',
  needs('readelf', 'eu-elflint', 'llvm-readobj'),
  () => {
    for (const [arch, relative] of [
      ['x64', 'R_X86_64_RELATIVE'],
      ['arm64', 'R_AARCH64_RELATIV'],
      ['i386', 'R_386_RELATIVE'],
    ] as const) {
      const path = join(folder, `${arch}.so`);
      writeFileSync(path, build(arch));
      assertAccepted(path);
      const { stdout } = run('readelf', '-rsW', path);
      assert.equal(stdout.split(relative).length - 1, 4, stdout);
      assert.match(stdout, /OBJECT +GLOBAL DEFAULT +\d+ table\n/);
    }
  },
);

test('a pointer is a whole word of a section with contents that may be written to', () => {
  const pointers = (section: string, offset: number) => () =>
    build('x64', { pointers: Array.from({ length: 4 }, () => ({ section, offset, target: 0 })) });
  assert.throws(pointers('.rodata', 0), /\.rodata can't have pointers/);
  assert.throws(pointers('.bss', 0), /\.bss can't have pointers/);
  assert.throws(pointers('.data', 52), /\.data has no word at offset 52/);
  assert.throws(pointers('.data', 56), /\.data has no word at offset 56/);
  assert.throws(() => build('x64', { pointers: [] }), /0 pointers are given, planned were 4/);
});

test('dyld is told of the words of a bundle that hold addresses', needs('llvm-objdump', 'llvm-nm'), () => {
  for (const arch of ['x64', 'arm64'] as const) {
    const layout = planBundle({
      arch,
      sections: [
        { sectname: '__text', segname: '__TEXT', flags: S_CODE, size: 32, align: 16 },
        { sectname: '__data', segname: '__DATA', flags: S_REGULAR, size: 24, align: 8 },
      ],
      exports: ['table'],
      imports: ['labs'],
    });
    const target = layout.address('__text') + 16;
    const bytes = writeBundle(layout, {
      sections: { __text: CODE[arch] },
      exports: [{ name: 'table', section: '__data', offset: 0, size: 24 }],
      pointers: [0, 16].map((offset) => ({ section: '__data', offset, target })),
      buildId: new Uint8Array(16),
      identifier: 'libusdt-test',
    });
    const path = join(folder, `${arch}.bundle`);
    writeFileSync(path, bytes);
    const { stdout, stderr } = run('llvm-objdump', '--macho', '--rebase', '--bind', path);
    assert.equal(stderr, '');
    const data = layout.address('__data');
    for (const address of [data, data + 16])
      assert.match(stdout, new RegExp(`__DATA +__data +0x0*${address.toString(16)} +pointer\n`, 'i'));
    assert.match(stdout, /flat-namespace +_labs/);
    assert.match(run('llvm-nm', '--format=posix', path).stdout, /^_table D /m);
    assert.equal(new DataView(bytes.buffer).getBigUint64(data + 16, true), BigInt(target));
  }
});
