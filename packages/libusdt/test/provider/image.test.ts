/**
 * Images that were built ahead of time: what is loaded, what is refused and why, and that nothing is written.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readNotes } from '../../../../test/support/notes.ts';
import {
  type Arch,
  buildEngine,
  buildImage,
  defineImage,
  type TracepointEncoding,
  tracepointsOf,
} from '../../src/codecs.ts';
import { createProvider, type Status, UsdtError } from '../../src/index.ts';
import { publishedName } from '../../src/publish/names.ts';

const SHAPES = { 'request-start': ['uint32_t', 'char *'], 'request-done': ['uint32_t', 'uint16_t'] } as const;
const CHILD = fileURLToPath(new URL('./image-child.ts', import.meta.url));
const arch = process.arch as Arch;
const skip = process.platform === 'linux' ? false : 'images are mapped on Linux only';

let folder = '';
let cache = '';
const previous = process.env.LIBUSDT_DIR;
before(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'libusdt-test-'));
  cache = join(folder, 'cache');
  process.env.LIBUSDT_DIR = cache;
});
after(() => {
  fs.rmSync(folder, { recursive: true });
  if (previous === undefined) delete process.env.LIBUSDT_DIR;
  else process.env.LIBUSDT_DIR = previous;
});

interface Built {
  readonly shapes?: Parameters<typeof defineImage>[1]['probes'];
  readonly module?: string;
  readonly arch?: Arch;
  readonly tracepoint?: TracepointEncoding;
}

function bytesOf(built: Built = {}): Uint8Array {
  const { shapes = SHAPES, module = 'webapp', tracepoint = 'nop' } = built;
  const definition = defineImage('webapp', { probes: shapes, module });
  return buildImage(definition, { os: 'linux', arch: built.arch ?? arch, tracepoint }).bytes;
}

let serial = 0;
function write(bytes: Uint8Array | string, mode = 0o755): string {
  const path = join(folder, `webapp-${serial++}.so`);
  fs.writeFileSync(path, bytes, { mode });
  return path;
}

function statusWith(image: string | URL): Status {
  const web = createProvider('webapp', { probes: SHAPES, image });
  try {
    return web.enable();
  } finally {
    web.free();
  }
}

function refused(image: string, reason: string, detail: RegExp): void {
  const status = statusWith(image);
  assert.equal(status.state, 'unavailable', JSON.stringify(status));
  if (status.state !== 'unavailable') return;
  assert.equal(status.reason, reason);
  assert.match(status.detail, detail);
  assert.ok(status.detail.includes(image), status.detail);
  const web = createProvider('webapp', { probes: SHAPES, image });
  assert.throws(
    () => web.enable({ strict: true }),
    (error) => error instanceof UsdtError && error.code === 'USDT_UNAVAILABLE' && error.reason === reason,
  );
  web.probes['request-start'].fire(1, 'silent');
}

describe('a provider with an image that was built ahead of time', { skip }, () => {
  for (const tracepoint of tracepointsOf(arch)) {
    test(`is active with one for ${tracepoint}, whatever the kernel would like best`, () => {
      const image = write(bytesOf({ tracepoint }));
      const web = createProvider('webapp', { probes: SHAPES, image });
      const status = web.enable();
      assert.equal(status.state, 'active', JSON.stringify(status));
      if (status.state !== 'active') return;
      assert.deepEqual([status.file, status.files, status.storage], [image, [image], 'file']);
      assert.equal(status.tracepoint, tracepoint);
      assert.equal(status.detail, undefined);
      assert.ok(fs.readFileSync('/proc/self/maps', 'utf8').includes(image));
      web.probes['request-start'].fire(1, 'x');
      web.disable();
      assert.ok(!fs.readFileSync('/proc/self/maps', 'utf8').includes(image));
      web.enable();
      assert.equal(web.status.state, 'active');
      web.free();
    });
  }

  test('takes paths, relative ones too, and file URLs', () => {
    const image = write(bytesOf());
    for (const given of [relative(process.cwd(), image), pathToFileURL(image), pathToFileURL(image).href]) {
      const status = statusWith(given);
      assert.equal(status.state === 'active' && status.file, image);
    }
    for (const wrong of ['', 'a\0b', 7, null, {}, new URL('https://example.org/a.so')]) {
      assert.throws(
        () => createProvider('webapp', { probes: SHAPES, image: wrong as string }),
        (error) =>
          error instanceof UsdtError && error.code === 'USDT_BAD_OPTION' && /image/.test(error.message),
      );
    }
  });

  test('probes that were added one by one are the same, in the same order', () => {
    const image = write(bytesOf());
    const web = createProvider('webapp', { image });
    web.addProbe('request-start', SHAPES['request-start']);
    web.addProbe('request-done', SHAPES['request-done']);
    assert.equal(web.enable().state, 'active');
    // What comes later is not in the image, and says so; the others stay.
    web.addProbe('later');
    const status = web.enable();
    assert.equal(status.state, 'active');
    assert.equal(status.state === 'active' && status.reason, 'image-different');
    assert.match(status.state === 'active' ? status.detail! : '', /does not have webapp:later\(\)/);
    web.free();
  });

  test('without the execute bit it says what tracers will miss', () => {
    const status = statusWith(write(bytesOf(), 0o644));
    assert.equal(status.state, 'active');
    assert.match(status.state === 'active' ? (status.detail ?? '') : '', /no execute bit.*chmod 755/);
  });

  test('is refused when it is missing', () => {
    refused(join(folder, 'none.so'), 'image-missing', /there is no image.*usdt build/);
    refused(join(write('file'), 'below.so'), 'image-missing', /there is no image/);
  });

  test('is refused when it is for another processor', () => {
    const other = arch === 'x64' ? 'arm64' : 'x64';
    refused(
      write(bytesOf({ arch: other })),
      'image-wrong-architecture',
      new RegExp(
        `was built for linux-${other}, and this is linux-${arch}: build it with --target linux-${arch}`,
      ),
    );
  });

  test('is refused when it is not exactly the image of the definition', () => {
    const cases: readonly [Uint8Array | string, RegExp][] = [
      ['no ELF file', /is not an image/],
      [new Uint8Array(0), /is not an image/],
      [
        bytesOf({ shapes: { 'request-start': ['uint32_t', 'char *'] } }),
        /does not have webapp:request-done\(uint32_t, uint16_t\)/,
      ],
      [
        bytesOf({ shapes: { ...SHAPES, 'request-done': ['uint32_t', 'uint32_t'] } }),
        /does not have webapp:request-done/,
      ],
      [
        bytesOf({ shapes: { other: [] } }),
        /does not have webapp:request-start\(uint32_t, char \*\) and 1 more/,
      ],
      [bytesOf({ module: 'server' }), /does not have webapp:request-start/],
      [bytesOf({ shapes: { ...SHAPES, another: [] } }), /has other probes besides/],
      [
        bytesOf({
          shapes: { 'request-done': SHAPES['request-done'], 'request-start': SHAPES['request-start'] },
        }),
        /in another order/,
      ],
    ];
    for (const [bytes, detail] of cases) refused(write(bytes), 'image-different', detail);
    fs.mkdirSync(join(folder, 'a.so'));
    refused(join(folder, 'a.so'), 'image-different', /no regular file/);
  });

  test('is refused when one bit is not as it should be, anywhere', () => {
    const good = bytesOf();
    for (let at = 0; at < good.length; at += 101) {
      const bad = Uint8Array.from(good);
      bad[at]! ^= 1;
      const status = statusWith(write(bad));
      assert.equal(status.state, 'unavailable', `byte ${at}`);
    }
    assert.equal(statusWith(write(Uint8Array.from([...good, 0]))).state, 'unavailable');
    assert.equal(statusWith(write(good.subarray(0, -1))).state, 'unavailable');
  });
});

interface Told {
  readonly status: Status;
  readonly mapped: readonly string[];
}

function run(image: string, prepare: string, cache: string, temporary = ''): Told {
  const script = `${prepare}; exec "${process.execPath}" --import tsx "${CHILD}" "${image}" "${temporary}"`;
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-ec', script], {
    encoding: 'utf8',
    env: { ...process.env, LIBUSDT_DIR: cache },
  });
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout) as Told;
}

describe('a program with its own image', {
  skip: skip || (process.geteuid?.() === 0 ? false : 'needs root'),
}, () => {
  test('writes nothing, with the engine beside it: everything may be read-only', () => {
    const artifact = join(folder, 'artifact');
    fs.mkdirSync(artifact);
    const engine = buildEngine(arch);
    const name = publishedName('engine', engine.buildId);
    fs.writeFileSync(join(folder, name), engine.bytes, { mode: 0o755 });
    const source = write(bytesOf());
    const image = join(artifact, 'webapp.so');
    // No place in which anything could be written.
    const prepare = [
      `mount -t tmpfs tmpfs ${artifact}`,
      `cp ${source} ${image}`,
      `cp ${join(folder, name)} ${artifact}`,
      `mount -o remount,ro ${artifact}`,
      'mount -t tmpfs -o ro tmpfs /dev/shm',
    ].join('; ');
    const { status, mapped } = run(image, prepare, join(artifact, 'none'), artifact);
    assert.equal(status.state, 'active', JSON.stringify(status));
    assert.equal(status.state === 'active' && status.file, image);
    assert.deepEqual([...mapped].sort(), [join(artifact, name), image].sort());
  });

  test('publishes nothing without it either', () => {
    const image = write(bytesOf());
    const { status, mapped } = run(image, ':', join(folder, 'unused'));
    assert.equal(status.state, 'active', JSON.stringify(status));
    assert.ok(mapped.includes(image), mapped.join());
    assert.ok(!fs.existsSync(join(folder, 'unused')));
    assert.deepEqual(
      fs
        .readdirSync(folder)
        .filter((name) => name.startsWith('libusdt-') && !name.startsWith('libusdt-engine')),
      [],
    );
  });

  test('says so when it lies where nothing may be executed', () => {
    const artifact = join(folder, 'noexec');
    fs.mkdirSync(artifact);
    const image = join(artifact, 'webapp.so');
    const prepare = `mount -t tmpfs -o noexec tmpfs ${artifact}; cp ${write(bytesOf())} ${image}`;
    const { status } = run(image, prepare, join(folder, 'other'));
    assert.equal(status.state === 'unavailable' && status.reason, 'folder-not-executable');
    assert.match(status.state === 'unavailable' ? status.detail : '', /noexec.*keep it on another/);
  });

  test('tracers read its probes from the file', () => {
    const notes = readNotes(write(bytesOf()));
    assert.deepEqual(
      notes.map(({ provider, name }) => `${provider}:${name}`),
      ['webapp:request__start', 'webapp:request__done'],
    );
  });
});

describe('defineImage', () => {
  test('refuses what createProvider refuses', () => {
    const refuses = (code: string, call: () => unknown): void => {
      assert.throws(call, (error) => error instanceof UsdtError && error.code === code);
    };
    refuses('USDT_BAD_NAME', () => defineImage('web1', { probes: SHAPES }));
    refuses('USDT_BAD_NAME', () => defineImage('web', { probes: { 'a b': [] } }));
    refuses('USDT_BAD_NAME', () => defineImage('web', { probes: SHAPES, module: 'a b' }));
    refuses('USDT_NO_PROBES', () => defineImage('web', { probes: {} }));
    refuses('USDT_BAD_OPTION', () => defineImage('web', { probes: null as never }));
    refuses('USDT_UNKNOWN_TYPE', () => defineImage('web', { probes: { a: ['quark' as 'int'] } }));
    refuses('USDT_DUPLICATE_PROBE', () =>
      defineImage('web', { probes: { 'a-b': { function: 'f' }, a__b: { function: 'f' } } }),
    );
  });
});
