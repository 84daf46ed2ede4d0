/**
 * The rules of macOS' loader and kernel, one by one, as check.py knows them, which shares no code with the library. For each:
 * our engine and images keep it, so do bundles that Apple's linker made, and check.py notices when it is broken, in
 * ours and in theirs.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../../test/support/folders.ts';
import { needs } from '../../../../../test/support/needs.ts';
import { buildEngine } from '../../../src/hosts/napi/code.ts';
import { buildImage } from '../../../src/image/image.ts';
import type { Arch } from '../../../src/model/target.ts';
import { encodeUniversal } from '../../../src/object/macho/universal.ts';
import { defineProbe } from '../../../src/provider/definition.ts';
import { run } from '../tools.ts';

const CHECK = fileURLToPath(new URL('check.py', import.meta.url));
const PYTHON = '/usr/bin/python3';
const MACHOLIB = '/usr/lib/python3/dist-packages/macholib/__init__.py';
/** An addon of the `ws` project that comes with files for macOS, made by Apple's tools. */
const APPLE = fileURLToPath(new URL('../../../../../node_modules/bufferutil/prebuilds/', import.meta.url));
const apple = (arch: Arch): string => join(APPLE, `darwin-${arch}`, 'bufferutil.node');
const folder = temporaryFolder();

interface Slice {
  readonly arch: string;
  readonly uuid: string;
  readonly exports: readonly string[];
  readonly broken: Readonly<Record<string, string>>;
}

/** What check.py says of each file, by its name here. */
function judge(files: ReadonlyMap<string, Uint8Array>): Map<string, readonly Slice[]> {
  const paths = [...files].map(([name, bytes], index) => {
    const path = join(folder, `${index}.bundle`);
    writeFileSync(path, bytes);
    return [path, name] as const;
  });
  const { stdout, stderr, status } = run(PYTHON, CHECK, ...paths.map(([path]) => path));
  assert.equal(status, 0, stderr);
  const names = new Map(paths);
  return new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { path: string; slices: Slice[] })
      .map(({ path, slices }) => [names.get(path)!, slices]),
  );
}

function image(arch: Arch, probe = 'start'): Uint8Array {
  const probes = [defineProbe(probe, ['int', 'char *']), defineProbe('done', { function: 'handle' })];
  const target = { os: 'darwin', arch, tracepoint: 'nop' } as const;
  return buildImage({ provider: 'webapp', module: 'app', probes }, target).bytes;
}

/** A copy of a bundle, to be broken. */
class Edited {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = Uint8Array.from(bytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  set32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  u64(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  set64(at: number, value: number): void {
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  /** Big-endian, as signatures are. */
  big32(at: number): number {
    return this.#view.getUint32(at);
  }

  setBig32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  text(at: number): string {
    return Buffer.from(this.bytes.subarray(at, this.bytes.indexOf(0, at))).toString('latin1');
  }

  /** Offset of the first load command of one of these kinds. */
  command(...wanted: readonly number[]): number {
    return this.find((at) => wanted.includes(this.u32(at)));
  }

  segment(name: string): number {
    return this.find((at) => this.u32(at) === 0x19 && this.text(at + 8) === name);
  }

  /** Offset of the code directory. */
  codeDirectory(): number {
    const signature = this.u32(this.command(0x1d) + 8);
    return signature + this.big32(signature + 16);
  }

  /** Offset of the first load command that is wanted. */
  find(wanted: (at: number) => boolean): number {
    let at = 32;
    for (let left = this.u32(16); left > 0; left--) {
      if (wanted(at)) return at;
      at += this.u32(at + 4);
    }
    throw new Error('no such load command');
  }
}

/** Each rule of check.py, and how it is broken. Offsets are those of <mach-o/loader.h> and cs_blobs.h. */
const RULES: Readonly<Record<string, (file: Edited) => void>> = {
  // A library without a name.
  'file-type': (file) => file.set32(12, 6),
  'command-sizes': (file) => file.set32(20, file.u32(20) + 8),
  'required-commands': (file) => file.set32(file.command(0x1b), 0x80000099),
  uuid: (file) => file.bytes.fill(0, file.command(0x1b) + 8, file.command(0x1b) + 24),
  libsystem: (file) => {
    const at = file.find((command) => file.text(command + 24) === '/usr/lib/libSystem.B.dylib');
    file.bytes.set(Buffer.from('/opt'), at + 24);
  },
  'build-version': (file) => file.set32(file.command(0x32) + 8, 2),
  'one-fixup-encoding': (file) => {
    const at = file.command(0x80000022, 0x80000034);
    file.set32(at, file.u32(at) & 0x7fffffff);
  },
  'text-first': (file) => file.set64(file.segment('__TEXT') + 24, 0x4000),
  'text-protection': (file) => file.set32(file.segment('__TEXT') + 60, 1),
  'never-writable-code': (file) => file.set32(file.segment('__TEXT') + 60, 7),
  'linkedit-last': (file) => file.set64(file.segment('__LINKEDIT') + 48, 64),
  'linkedit-protection': (file) => file.set32(file.segment('__LINKEDIT') + 60, 3),
  'segment-order': (file) => file.set64(file.segment('__LINKEDIT') + 24, 0),
  // A multiple of the other processor's page.
  'segment-alignment': (file) => {
    const at = file.segment('__LINKEDIT') + 24;
    file.set64(at, file.u64(at) + (file.u32(4) === 0x0100000c ? 0x1000 : 0x800));
  },
  'segment-sizes': (file) => file.set64(file.segment('__LINKEDIT') + 32, 8),
  'sections-inside': (file) => file.set64(file.segment('__TEXT') + 72 + 32, 0x10_0000),
  'dof-is-regular': (file) => {
    const flags = file.segment('__TEXT') + 72 + 64;
    file.set32(flags, file.u32(flags) | 0xf);
  },
  'linkedit-tables': (file) => file.set32(file.command(0x2) + 16, file.u32(file.command(0x2) + 8)),
  'symbol-counts': (file) => file.set32(file.command(0xb) + 28, file.u32(file.command(0xb) + 28) + 1),
  // The first letter of the first edge: the underscore that all names have.
  'export-trie': (file) => {
    const at = file.command(0x80000022, 0x80000033);
    const trie = file.u32(at + (file.u32(at) === 0x80000022 ? 40 : 8));
    assert.equal(file.bytes[trie + 2], 0x5f);
    file.bytes[trie + 2] = 0x58;
  },
  'signature-covers-file': (file) => {
    const limit = file.codeDirectory() + 32;
    file.setBig32(limit, file.big32(limit) - 1);
  },
  'signature-blob': (file) => file.setBig32(file.codeDirectory(), 0xfade0c01),
  'signature-adhoc': (file) => file.setBig32(file.codeDirectory() + 12, 0),
  'page-hashes': (file) => {
    const code = file.u32(file.segment('__TEXT') + 72 + 48);
    file.bytes[code] = ~file.bytes[code]!;
  },
  'executable-segment': (file) => file.setBig32(file.codeDirectory() + 76, 0x40),
  'no-code-in-last-page': (file) => {
    const section = file.segment('__TEXT') + 72;
    file.set64(section + 40, file.u32(file.command(0x1d) + 8) - file.u32(section + 48));
  },
  // A command more than there is.
  macholib: (file) => file.set32(16, file.u32(16) + 1),
};

describe('macOS', needs(PYTHON, MACHOLIB, apple('arm64')), () => {
  const files = new Map<string, Uint8Array>();
  let judged: ReadonlyMap<string, readonly Slice[]>;
  const broken = (name: string): string[] => judged.get(name)!.flatMap((slice) => Object.keys(slice.broken));

  before(() => {
    for (const arch of ['x64', 'arm64'] as const) {
      files.set(`engine ${arch}`, buildEngine(arch, 'macho').bytes);
      files.set(`image ${arch}`, image(arch));
      files.set(`apple ${arch}`, readFileSync(apple(arch)));
    }
    const whole = [...files];
    // Those for Intel's processors are not signed by Apple's tools, and need not be.
    for (const [name, bytes] of whole) {
      if (name === 'apple x64') continue;
      for (const [rule, breakIt] of Object.entries(RULES)) {
        const edited = new Edited(bytes);
        breakIt(edited);
        files.set(`${name} without ${rule}`, edited.bytes);
      }
    }
    const universal = encodeUniversal([image('x64'), image('arm64')]);
    files.set('universal', universal);
    const crooked = new Edited(universal);
    crooked.setBig32(8 + 20 + 8, crooked.big32(8 + 20 + 8) + 8);
    files.set('universal, crooked', crooked.bytes);
    files.set('another', image('arm64', 'stop'));
    judged = judge(files);
  });

  const SUBJECTS = ['engine x64', 'image x64', 'engine arm64', 'image arm64', 'apple x64', 'apple arm64'];

  for (const rule of Object.keys(RULES)) {
    test(rule, () => {
      for (const name of SUBJECTS) {
        assert.ok(!broken(name).includes(rule), `${name}: ${judged.get(name)![0]!.broken[rule]}`);
        if (name === 'apple x64') continue;
        assert.ok(broken(`${name} without ${rule}`).includes(rule), `not noticed in ${name}`);
      }
    });
  }

  test('there is no other rule that a file breaks', () => {
    for (const name of [...SUBJECTS, 'universal', 'another']) assert.deepEqual(broken(name), [], name);
  });

  test('a universal file has both, each where a page begins', () => {
    assert.deepEqual(
      judged.get('universal')!.map(({ arch }) => arch),
      ['x64', 'arm64'],
    );
    assert.ok(broken('universal, crooked').includes('slices'));
  });

  test('what dlsym(3) finds', () => {
    assert.deepEqual(judged.get('image arm64')![0]!.exports, ['_libusdt_text']);
    assert.ok(judged.get('engine arm64')![0]!.exports.includes('_napi_register_module_v1'));
    assert.ok(judged.get('apple arm64')![0]!.exports.includes('_Mask'));
  });

  test('the UUID is made of the content', () => {
    const uuid = (name: string, slice = 0): string => judged.get(name)![slice]!.uuid;
    assert.equal(uuid('universal', 1), uuid('image arm64'), 'the same definition');
    const others = ['image x64', 'engine arm64', 'engine x64', 'another'].map((name) => uuid(name));
    assert.equal(new Set([uuid('image arm64'), ...others]).size, 5);
    // RFC 9562: version 8, variant 10.
    for (const each of others) assert.match(each, /^.{12}8.{3}[89ab]/);
  });
});
