/** Files with images, as a program or a tool meets them: what each was built for, and which of them a program takes. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { buildImage } from '../../src/image/image.ts';
import { imagesIn } from '../../src/image/platforms.ts';
import type { Target } from '../../src/model/target.ts';
import { encodeUniversal } from '../../src/object/macho/universal.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { openImageFile } from '../../src/publish/image-file.ts';
import { isProblem } from '../../src/runtime/reasons.ts';

const definition = (name: string) => ({
  provider: 'webapp',
  module: 'app',
  probes: [defineProbe(name, ['uint32_t', 'char *'])],
});
const target = (os: Target['os'], arch: Target['arch']): Target => ({ os, arch, tracepoint: 'nop' });
const image = (os: Target['os'], arch: Target['arch']): Uint8Array =>
  buildImage(definition('hit'), target(os, arch)).bytes;
const platforms = (bytes: Uint8Array): string[] => imagesIn(bytes).map(({ platform }) => platform);

test('each file says what it was built for', () => {
  for (const os of ['linux', 'illumos', 'freebsd'] as const) {
    for (const arch of ['x64', 'arm64', 'i386'] as const)
      assert.deepEqual(platforms(image(os, arch)), [`${os}-${arch}`]);
  }
  for (const arch of ['x64', 'arm64'] as const)
    assert.deepEqual(platforms(image('darwin', arch)), [`darwin-${arch}`]);
  const strange = image('linux', 'x64').slice();
  new DataView(strange.buffer).setUint16(18, 243, true);
  assert.deepEqual(platforms(strange), ['linux-e_machine 243']);
});

test('a universal file has the images of both processors, byte for byte', () => {
  const slices = [image('darwin', 'x64'), image('darwin', 'arm64')];
  const found = imagesIn(encodeUniversal(slices));
  assert.deepEqual(
    found.map(({ platform }) => platform),
    ['darwin-x64', 'darwin-arm64'],
  );
  for (const [index, { bytes }] of found.entries()) assert.deepEqual(bytes, slices[index]);
});

test('there is none in other files, nor in damaged ones', () => {
  const universal = encodeUniversal([image('darwin', 'x64'), image('darwin', 'arm64')]);
  for (const bytes of [new Uint8Array(0), new Uint8Array(4096), Buffer.from('#!/bin/sh\n'.repeat(20))])
    assert.deepEqual(imagesIn(bytes), []);
  for (const length of [40, 60, 20_000, universal.length - 1])
    assert.deepEqual(imagesIn(universal.subarray(0, length)), [], `cut to ${length} bytes`);
});

test('a program on macOS takes its own image of a universal file', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'webapp.bundle');
  writeFileSync(path, encodeUniversal([image('darwin', 'x64'), image('darwin', 'arm64')]), { mode: 0o755 });
  for (const arch of ['x64', 'arm64'] as const) {
    const opened = openImageFile(path, definition('hit'), target('darwin', arch));
    assert.ok(!isProblem(opened), JSON.stringify(opened));
    assert.deepEqual(opened.image.bytes, image('darwin', arch));
  }
  const other = openImageFile(path, definition('other'), target('darwin', 'arm64'));
  assert.ok(isProblem(other));
  assert.equal(other.reason, 'image-different');
  assert.match(other.detail, /has other probes, or .*: build it again with usdt build$/);
  const elsewhere = openImageFile(path, definition('hit'), target('freebsd', 'x64'));
  assert.ok(isProblem(elsewhere));
  assert.equal(elsewhere.reason, 'image-wrong-architecture');
  assert.match(
    elsewhere.detail,
    /built for darwin-x64 and darwin-arm64, and this is freebsd-x64: build it with --target freebsd-x64$/,
  );
});
