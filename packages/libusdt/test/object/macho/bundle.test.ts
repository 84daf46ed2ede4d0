import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../../test/support/folders.ts';
import { needs } from '../../../../../test/support/needs.ts';
import { writeBundle } from '../../../src/object/macho/bundle.ts';
import { S_CODE, S_REGULAR, S_ZEROFILL } from '../../../src/object/macho/constants.ts';
import { encodeExportTrie } from '../../../src/object/macho/export-trie.ts';
import { uleb128 } from '../../../src/object/macho/leb128.ts';
import { type BundlePlan, type PlannedSection, planBundle } from '../../../src/object/macho/plan.ts';
import { encodeUniversal } from '../../../src/object/macho/universal.ts';
import { run } from '../tools.ts';

const folder = temporaryFolder();
const BUILD_ID = Uint8Array.from({ length: 20 }, (_, index) => 0xa0 + index);

interface Sizes {
  readonly textSize?: number;
  readonly textAlign?: number;
  readonly dataSize?: number;
  readonly dofSize?: number;
}

/** Code, constants beside it, and zeroed data; what has no size is left out. */
function plan(
  arch: 'x64' | 'arm64',
  { textSize = 192, textAlign = 64, dataSize = 24, dofSize = 100 }: Sizes = {},
  { exports = ['answer', 'another'], imports = ['dlsym', 'napi_call'] }: Partial<BundlePlan> = {},
): BundlePlan {
  const sections: PlannedSection[] = [
    { sectname: '__text', segname: '__TEXT', flags: S_CODE, size: textSize, align: textAlign },
    { sectname: '__const', segname: '__TEXT', flags: S_REGULAR, size: dofSize, align: 8 },
    { sectname: '__bss', segname: '__DATA', flags: S_ZEROFILL, size: dataSize, align: 8 },
  ];
  return { arch, sections: sections.filter(({ size }) => size !== 0), exports, imports };
}

function write(planned: BundlePlan): Uint8Array {
  const size = (name: string) => planned.sections.find(({ sectname }) => sectname === name)?.size ?? 0;
  return writeBundle(planBundle(planned), {
    sections: {
      __text: new Uint8Array(size('__text')).fill(planned.arch === 'x64' ? 0x90 : 0),
      ...(size('__const') > 0 && { __const: new Uint8Array(size('__const')).fill(7) }),
    },
    exports: planned.exports.map((name, index) => {
      return { name, section: '__text', offset: Math.min(index * 64, size('__text')), size: 0 };
    }),
    symbols: [{ name: 'local', section: '__text', offset: Math.min(128, size('__text')), size: 0 }],
    buildId: BUILD_ID,
    identifier: 'libusdt-test',
  });
}

function saved(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

for (const arch of ['x64', 'arm64'] as const) {
  test(
    `LLVM reads the ${arch} bundle without a complaint`,
    needs('llvm-objdump', 'llvm-readobj', 'llvm-nm'),
    () => {
      const path = saved(`${arch}.bundle`, write(plan(arch)));
      for (const args of [
        [
          '--file-headers',
          '--sections',
          '--symbols',
          '--macho-segment',
          '--macho-dysymtab',
          '--macho-version-min',
          path,
        ],
      ]) {
        const { status, stderr } = run('llvm-readobj', ...args);
        assert.deepEqual([status, stderr], [0, '']);
      }
      const { stdout, stderr } = run('llvm-objdump', '--macho', '--private-headers', path);
      assert.equal(stderr, '');
      for (const expected of [
        /MH_MAGIC_64 +(X86_64|ARM64) +ALL +0x00 +BUNDLE/,
        /segname __TEXT\n +vmaddr 0x0000000000000000/,
        /segname __DATA/,
        /segname __LINKEDIT/,
        /platform macos/,
        /name \/usr\/lib\/libSystem\.B\.dylib/,
        /cmd LC_CODE_SIGNATURE/,
      ]) {
        assert.match(stdout, expected);
      }
      assert.match(run('llvm-objdump', '--macho', '--exports-trie', path).stdout, /_another/);
      const layout = planBundle(plan(arch));
      const exported = run('llvm-objdump', '--macho', '--exports-trie', path).stdout;
      assert.match(exported, new RegExp(`0x0*${layout.address('__text').toString(16)} +_answer`, 'i'));
      const bound = run('llvm-objdump', '--macho', '--bind', path).stdout;
      for (const name of plan(arch).imports) {
        const address = layout.gotAddress(name).toString(16);
        assert.match(
          bound,
          new RegExp(`__DATA +__got +0x0*${address} +pointer +0 +flat-namespace +_${name}`, 'i'),
        );
      }
      const symbols = run('llvm-nm', '--format=posix', path).stdout;
      assert.match(symbols, /^_answer T [0-9a-f]+ 0$/m);
      assert.match(symbols, /^_local t /m);
      assert.match(symbols, /^_dlsym U/m);
    },
  );

  test(`the ${arch} signature covers all that is before it, page by page`, () => {
    const bytes = write(plan(arch, { textSize: 30_000 }));
    const view = new DataView(bytes.buffer);
    const signature = commandData(bytes, 0x1d);
    const at = view.getUint32(signature + 8, true);
    const size = view.getUint32(signature + 12, true);
    assert.equal(at % 16, 0);
    assert.equal(at + size, bytes.length);
    // cs_blobs.h: CS_SuperBlob, CS_BlobIndex, CS_CodeDirectory
    assert.equal(view.getUint32(at), 0xfade0cc0);
    assert.equal(view.getUint32(at + 4), size);
    assert.equal(view.getUint32(at + 8), 1);
    const directory = at + view.getUint32(at + 16);
    assert.equal(view.getUint32(directory), 0xfade0c02);
    assert.equal(view.getUint32(directory + 4), bytes.length - directory);
    assert.equal(view.getUint32(directory + 12), 0x20002);
    const hashes = directory + view.getUint32(directory + 16);
    const identifier = directory + view.getUint32(directory + 20);
    assert.equal(Buffer.from(bytes.subarray(identifier, hashes)).toString('latin1'), 'libusdt-test\0');
    const count = view.getUint32(directory + 28);
    assert.equal(count, Math.ceil(at / 4096));
    assert.equal(view.getUint32(directory + 32), at, 'codeLimit is where the signature begins');
    assert.deepEqual([...bytes.subarray(directory + 36, directory + 40)], [32, 2, 0, 12]);
    for (let page = 0; page < count; page++) {
      const part = bytes.subarray(page * 4096, Math.min((page + 1) * 4096, at));
      const expected = createHash('sha256').update(part).digest();
      assert.deepEqual(
        Buffer.from(bytes.subarray(hashes + page * 32, hashes + page * 32 + 32)),
        expected,
        `page ${page}`,
      );
    }
    assert.ok(
      planBundle(plan(arch, { textSize: 30_000 })).segments[0]!.filesize % 4096 === 0,
      'no code in a partial page',
    );
  });
}

/** Offset of a load command. */
function commandData(bytes: Uint8Array, wanted: number): number {
  const view = new DataView(bytes.buffer);
  let at = 32;
  for (let left = view.getUint32(16, true); left > 0; left--) {
    if (view.getUint32(at, true) === wanted) return at;
    at += view.getUint32(at + 4, true);
  }
  throw new Error(`no load command ${wanted}`);
}

test('what dyld insists on holds for every plan', () => {
  const anyPlan = fc.record({
    arch: fc.constantFrom('x64' as const, 'arm64' as const),
    textSize: fc.nat(40_000),
    textAlign: fc.constantFrom(1, 16, 64, 4096),
    exports: fc.uniqueArray(fc.stringMatching(/^e[a-z_]{0,9}$/), { maxLength: 9 }),
    imports: fc.uniqueArray(fc.stringMatching(/^i[a-z_]{0,9}$/), { maxLength: 9 }),
    dataSize: fc.nat(9000),
    dofSize: fc.nat(9000),
  });
  fc.assert(
    fc.property(anyPlan, ({ arch, exports, imports, textAlign, ...sizes }) => {
      const planned = plan(arch, { ...sizes, textAlign, textSize: sizes.textSize + 1 }, { exports, imports });
      const bytes = write(planned);
      const view = new DataView(bytes.buffer);
      const page = arch === 'x64' ? 0x1000 : 0x4000;
      let at = 32;
      let end = 0;
      let linkedit = 0;
      for (let left = view.getUint32(16, true); left > 0; left--) {
        const [command, size] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
        assert.equal(size % 8, 0);
        if (command === 0x19) {
          const [vmaddr, vmsize, fileoff, filesize] = [24, 32, 40, 48].map((offset) =>
            Number(view.getBigUint64(at + offset, true)),
          );
          assert.equal(vmaddr! % page, 0);
          assert.equal(fileoff! % page, 0);
          assert.ok(filesize! <= vmsize!);
          assert.equal(fileoff, end, 'segments follow each other in the file');
          end = fileoff! + filesize!;
          linkedit = fileoff!;
        }
        at += size;
      }
      assert.equal(at, 32 + view.getUint32(20, true), 'sizeofcmds');
      assert.equal(end, bytes.length, '__LINKEDIT ends with the file');
      const textAddress = planBundle(planned).address('__text');
      assert.ok(textAddress >= at, 'code begins behind the load commands');
      assert.equal(textAddress % textAlign, 0);
      const info = commandData(bytes, 0x80000022);
      const symtab = commandData(bytes, 0x2);
      const tables = [
        [view.getUint32(info + 40, true), view.getUint32(info + 44, true)],
        [view.getUint32(symtab + 8, true), view.getUint32(symtab + 12, true) * 16],
        [view.getUint32(symtab + 16, true), view.getUint32(symtab + 20, true)],
        [view.getUint32(commandData(bytes, 0x1d) + 8, true), 0],
      ] as const;
      let previous = linkedit;
      for (const [offset, size] of tables) {
        assert.ok(offset >= previous, 'tables come in order and do not overlap');
        previous = offset + size;
      }
      assert.deepEqual(write(planned), bytes);
    }),
  );
});

test('every exported name is found by a walk through the trie, as dyld walks it', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^_[a-c]{0,6}$/), { maxLength: 40 });
  fc.assert(
    fc.property(names, fc.nat(2 ** 31), (list, base) => {
      const symbols = list.map((name, index) => ({ name, address: base + index * 3 }));
      const trie = encodeExportTrie(symbols);
      for (const { name, address } of symbols) assert.equal(walk(trie, name), address, name);
      for (const missing of ['_d', '_', '_aaaaaaa', '']) {
        if (!list.includes(missing)) assert.equal(walk(trie, missing), undefined, missing);
      }
    }),
  );
  assert.throws(
    () =>
      encodeExportTrie([
        { name: '_a', address: 1 },
        { name: '_a', address: 2 },
      ]),
    /twice/,
  );
  assert.throws(() => encodeExportTrie([{ name: '', address: 1 }]), RangeError);
});

/** MachOLoaded::trieWalk of dyld, in our words. */
function walk(trie: Uint8Array, symbol: string): number | undefined {
  let at = 0;
  const uleb = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = trie[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  let rest = symbol;
  for (;;) {
    const terminal = uleb();
    if (rest === '' && terminal > 0) {
      assert.equal(uleb(), 0, 'flags');
      return uleb();
    }
    at += terminal;
    let next: number | undefined;
    for (let edges = trie[at++]!; edges > 0; edges--) {
      const end = trie.indexOf(0, at);
      const text = Buffer.from(trie.subarray(at, end)).toString('latin1');
      at = end + 1;
      const node = uleb();
      if (rest.startsWith(text)) [next, rest] = [node, rest.slice(text.length)];
      if (next !== undefined) break;
    }
    if (next === undefined) return undefined;
    at = next;
  }
}

test('a universal file has both slices', needs('llvm-objdump'), () => {
  const slices = (['x64', 'arm64'] as const).map((arch) => write(plan(arch)));
  const bytes = encodeUniversal(slices);
  const path = saved('universal.bundle', bytes);
  const { stdout, stderr, status } = run('llvm-objdump', '--macho', '--universal-headers', path);
  assert.deepEqual([status, stderr], [0, '']);
  const form = /cputype (CPU_TYPE_\w+)[\s\S]*?offset (\d+)\n +size (\d+)\n +align 2\^14/g;
  const listed = [...stdout.matchAll(form)].map(([, type, offset, size]) => {
    return [type, bytes.subarray(Number(offset), Number(offset) + Number(size))];
  });
  assert.deepEqual(listed, [
    ['CPU_TYPE_X86_64', slices[0]],
    ['CPU_TYPE_ARM64', slices[1]],
  ]);
});

test('numbers in ULEB128', () => {
  assert.deepEqual(uleb128(0), [0]);
  assert.deepEqual(uleb128(127), [127]);
  assert.deepEqual(uleb128(128), [0x80, 1]);
  // The example of the DWARF standard.
  assert.deepEqual(uleb128(624485), [0xe5, 0x8e, 0x26]);
  assert.deepEqual(uleb128(2 ** 40), [0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
  assert.throws(() => uleb128(-1), RangeError);
});

test('what a bundle can not be is refused', () => {
  assert.throws(() => planBundle(plan('x64', { textAlign: 48 })), /power of two/);
  assert.throws(() => planBundle(plan('x64', { textAlign: 8192 })), /power of two/);
  assert.throws(() => planBundle(plan('x64', { dataSize: -1 })), /__bss must be an integer/);
  assert.throws(() => planBundle(plan('x64', {}, { imports: ['answer'] })), /distinct/);
  const none = planBundle(plan('x64', { dataSize: 0, dofSize: 0 }, { imports: [] }));
  assert.throws(() => none.address('__const'), RangeError);
  assert.throws(() => none.address('__bss'), RangeError);
  assert.throws(() => none.gotAddress('dlsym'), RangeError);
  const data = { sectname: '__data', segname: '__DATA', flags: S_REGULAR, size: 8, align: 8 } as const;
  const good = plan('x64');
  const after = (section: PlannedSection) => planBundle({ ...good, sections: [...good.sections, section] });
  assert.throws(() => after(data), /__data must come before __bss/);
  assert.throws(() => after({ ...data, segname: '__TEXT', flags: S_ZEROFILL }), /must be in __DATA/);
  assert.throws(() => after({ ...data, sectname: '__text', segname: '__TEXT' }), /distinct/);
  assert.throws(() => planBundle({ ...good, arch: 'i386' }), /no Mach-O bundles are written for i386/);
});
