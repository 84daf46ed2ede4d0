/** `libusdt/codecs` as it is built: without any runtime, and as one library with `libusdt`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { build } from 'esbuild';
import type * as Codecs from '../src/codecs.ts';
import { buildEngine, buildImage, defineImage, type Target } from '../src/codecs.ts';
import type * as Library from '../src/index.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const TARGETS: readonly Target[] = [
  { os: 'linux', arch: 'x64', tracepoint: 'nop' },
  { os: 'linux', arch: 'i386', tracepoint: 'nop', dof: true },
  { os: 'darwin', arch: 'arm64', tracepoint: 'nop' },
];
const SHAPES = { 'request-start': ['uint32_t', 'char *'], 'request-done': ['json'] } as const;
const BOTH = "export * as library from 'libusdt'; export * as codecs from 'libusdt/codecs';";
const IN_BROWSERS = "export * as codecs from 'libusdt/codecs';";

interface Both {
  readonly library: Pick<typeof Library, 'createProvider' | 'UsdtError'>;
  readonly codecs: typeof Codecs;
}

/** What a program exports that is bundled as esbuild does by itself, and run with nothing but these globals. */
async function bundled(contents: string, platform: 'browser' | 'node', globals: object): Promise<Both> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: PACKAGE },
    bundle: true,
    write: false,
    platform,
    format: 'iife',
    globalName: 'program',
    logLevel: 'error',
  });
  const context = vm.createContext({ ...globals });
  vm.runInContext(outputFiles[0]!.text, context);
  return vm.runInContext('program', context) as Both;
}

/** Every browser has these, and V8 alone has not. */
const WEB = { TextDecoder, TextEncoder };

describe('in a browser', () => {
  test('images and engines are the same, byte for byte', async () => {
    const { codecs } = await bundled(IN_BROWSERS, 'browser', WEB);
    for (const target of TARGETS) {
      const ours = buildImage(defineImage('webapp', { probes: SHAPES }), target);
      const theirs = codecs.buildImage(codecs.defineImage('webapp', { probes: SHAPES }), target);
      assert.deepEqual(Buffer.from(theirs.bytes), Buffer.from(ours.bytes), target.os);
      const format = target.os === 'darwin' ? 'macho' : 'elf';
      const engine = codecs.buildEngine(target.arch, format);
      assert.deepEqual(Buffer.from(engine.bytes), Buffer.from(buildEngine(target.arch, format).bytes));
    }
  });

  test('what is read is what was written', async () => {
    const { codecs } = await bundled(IN_BROWSERS, 'browser', WEB);
    const { bytes } = codecs.buildImage(codecs.defineImage('webapp', { probes: SHAPES }), TARGETS[0]!);
    const elf = codecs.readElf(bytes);
    const notes = elf.sections.find(({ name }) => name === '.note.stapsdt');
    assert.ok(notes);
    assert.throws(() => codecs.readElf(new Uint8Array(64)), { name: 'ElfError' });
  });
});

/** An error of one entry point is an instance of the class of the other. */
function assertOneClass({ library, codecs }: Both): void {
  const thrown = (what: () => unknown): unknown => {
    try {
      what();
    } catch (error) {
      return error;
    }
    return assert.fail('nothing was thrown');
  };
  assert.ok(thrown(() => codecs.parseCType('no type')) instanceof library.UsdtError);
  assert.ok(thrown(() => codecs.defineImage('9', { probes: {} })) instanceof library.UsdtError);
}

describe('one class of errors', () => {
  test('in Node', async () => {
    const [name, codecs]: string[] = ['libusdt', 'libusdt/codecs'];
    assertOneClass({
      library: (await import(name!)) as Both['library'],
      codecs: (await import(codecs!)) as typeof Codecs,
    });
  });

  test('in a bundle', async () => {
    assertOneClass(await bundled(BOTH, 'node', { ...WEB, process }));
  });
});

test('what Node loads of the codecs is beside the library', () => {
  assert.equal(fileURLToPath(import.meta.resolve('libusdt/codecs')), join(PACKAGE, 'dist/codecs.js'));
});
