/**
 * What is built for macOS, in a loader of ours: macho-loader.c maps the files as dyld would, plays the runtime's and the
 * kernel's part, and prints what happened. x86-64 runs on this processor, arm64 under emulation.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import { FRAME } from '../../src/abi/call-block.ts';
import type { CTypeName } from '../../src/ctypes/infer.ts';
import { buildEngine } from '../../src/hosts/napi/code.ts';
import { buildImage } from '../../src/image/image.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { run } from '../object/tools.ts';

const folder = temporaryFolder();
const LOADER = fileURLToPath(new URL('macho-loader.c', import.meta.url));
const MACHINES = {
  x64: { compiler: 'gcc', runner: [] },
  arm64: { compiler: 'aarch64-linux-gnu-gcc', runner: ['qemu-aarch64-static'] },
} as const;
const ints = (count: number): CTypeName[] => Array.from({ length: count }, () => 'int64_t');

for (const arch of Object.keys(MACHINES) as (keyof typeof MACHINES)[]) {
  const { compiler, runner } = MACHINES[arch];
  test(`engine and image for macOS on ${arch} do their work in a loader`, needs(compiler, ...runner), () => {
    const path = (name: string): string => join(folder, `${arch}-${name}`);
    const probes = [0, 1, 3, 5, 8, 12, 32].map((count) =>
      defineProbe(`probe-${count}`, { function: `function_${count}`, args: ints(count) }),
    );
    const target = { os: 'darwin', arch, tracepoint: 'nop' } as const;
    writeFileSync(path('engine'), buildEngine(arch, 'macho').bytes);
    writeFileSync(path('image'), buildImage({ provider: 'webapp', module: 'app', probes }, target).bytes);
    const compiled = run(compiler, '-O1', '-static', '-Wall', '-Werror', '-o', path('loader'), LOADER);
    assert.equal(compiled.status, 0, compiled.stderr);
    const [program, ...args] = [...runner, path('loader'), path('engine'), path('image')];
    const { stdout, stderr, status } = run(program!, ...args);
    assert.deepEqual([status, stderr], [0, ''], stdout);
    const functions = [1, 2, 3, 4, 5].flatMap((index) => [
      'napi_create_function env 1 data frame',
      `napi_set_element env 1 object 42 index ${index} value ${199 + index}`,
    ]);
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      `napi_create_arraybuffer env 1 size ${FRAME.size}`,
      'napi_set_element env 1 object 42 index 0 value 100',
      ...functions,
      'exports 42',
      'frame address 1 dlsym 1',
      'call: arguments 1 result 1 asked 1',
      // The main thread's shortcut: the runtime is not asked any more.
      'call: arguments 1 result 1 asked 0',
      'another thread: argument 7 asked 1',
      'text: returned 0, called 1, asked 0, fetched 1 and 0, "/shop/articles/17/reviews?sort=newest"',
      'text of another thread: returned 0, called 1, asked 1, fetched 1 and 1, "grüße, among ASCII"',
      'texts: returned 0, called 1, asked 0, fetched 6 and 1, "GET", "", "/shop/articles/17/reviews?sort=newest", "grüße, among ASCII", "12345678", "last"',
      'two texts of another thread: returned 0, called 1, asked 1, fetched 2 and 0, "GET", ""',
      'no text: returned 401, called 0, asked 0, fetched 2 and 0',
      'napi_create_external_arraybuffer memory 0x4000 size 64 finalize 1 hint 0',
      'view 300',
      'dof DOF aligned 0',
      ...[0, 1, 3, 5, 8, 12, 32].map(
        (count) =>
          `function_${count} probe-${count}: untraced 0, traced 1, arguments right ${Math.min(count, 12)} of ${count}, watched word aligned 0, change noticed 1`,
      ),
    ]);
  });
}

test('every reader takes the images for macOS', needs('llvm-objdump', 'llvm-readobj'), () => {
  for (const arch of Object.keys(MACHINES) as (keyof typeof MACHINES)[]) {
    const probes = [defineProbe('request-start', ['uint32_t', 'char *'])];
    const target = { os: 'darwin', arch, tracepoint: 'nop' } as const;
    const path = join(folder, `${arch}.image`);
    writeFileSync(path, buildImage({ provider: 'webapp', module: 'app', probes }, target).bytes);
    const { status, stdout, stderr } = run('llvm-objdump', '--macho', '-d', path);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /_webapp__request__start:\n_libusdt_text:\n.*\bnop\b/);
    assert.equal(run('llvm-readobj', '--sections', '--symbols', path).stderr, '');
  }
});
