/**
 * The library on macOS, illumos and FreeBSD, as far as a machine with Linux can tell: programs/provider.ts runs on a real
 * Node, over a stand-in for the operating system (packages/libusdt/test/platforms/stand-in.c) that loads engine and image
 * as that system's loader would, takes the requests to its helper device, and traces as its kernel would.
 *
 * What the system is asked is compared with the traces that are written down here. i386 is Debian's Node for it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ImageDefinition } from '../../packages/libusdt/src/image/definition.ts';
import { buildImage } from '../../packages/libusdt/src/image/image.ts';
import type { Image } from '../../packages/libusdt/src/image/object.ts';
import type { Target } from '../../packages/libusdt/src/model/target.ts';
import { defineProbe } from '../../packages/libusdt/src/provider/definition.ts';
import { temporaryFolder } from '../support/folders.ts';
import { without } from '../support/needs.ts';
import { findRuntime, type Runtime, run } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';
import { MODULE, PROBES, PROVIDER } from './programs/definition.ts';

const folder = temporaryFolder();
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const MACHINES = {
  x64: { runtime: 'node20', compiler: 'gcc', preload: 'LD_PRELOAD' },
  i386: { runtime: 'node-i386', compiler: 'i686-linux-gnu-gcc', preload: 'LIBUSDT_PRELOAD' },
} as const;

interface Request {
  /** The object's load address, the document's, and the process. */
  readonly base: bigint;
  readonly document: bigint;
  readonly pid: number;
}

const word = (value: bigint): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString('hex');
};
const int = (value: number): string => word(BigInt(value)).slice(0, 8);
const MOD = Buffer.from(MODULE.padEnd(64, '\0')).toString('hex');

const SYSTEMS = {
  darwin: {
    registeredBy: 'DTrace (/dev/dtracehelper)',
    // O_RDWR | O_CLOEXEC of that system.
    opened: 'open /dev/dtracehelper 1000002',
    // dof_ioctl_data_t: a count, dof_helper_t with the document's address twice.
    added: ({ document }: Request) => `ioctl 80086804 ${word(1n)}${MOD}${word(document)}${word(document)}`,
    removed: (generation: string) => `ioctl 20006802 ${generation}`,
  },
  illumos: {
    registeredBy: 'DTrace (/dev/dtrace/helper)',
    opened: 'open /dev/dtrace/helper 800002',
    added: ({ base, document }: Request) => `ioctl 64746803 ${MOD}${word(base)}${word(document)}`,
    removed: (generation: string) => `ioctl 64746802 ${generation}`,
  },
  freebsd: {
    registeredBy: 'DTrace (/dev/dtrace/helper)',
    opened: 'open /dev/dtrace/helper 100002',
    added: ({ base, document, pid }: Request) =>
      `ioctl c0587a03 ${MOD}${word(base)}${word(document)}${int(pid)}${int(0)}`,
    // By a pointer.
    removed: (generation: string) => `ioctl 80047a02 *${generation}`,
  },
} as const;

const numbers = (count: number, make: (index: number) => string, separator: string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join(separator);
const MANY_TYPES = numbers(32, () => 'int32_t', ',');
const MANY_WORDS = numbers(32, (index) => (100 + index).toString(16), ' ');

/** What D is told, and what its arguments are, in words of 64 and of 32 bits. */
const SEEN = {
  x64: {
    types: 'int64_t,long,uint64_t,uint8_t,char *,uint64_t',
    words: 'bffffffffffffffb fffffffffffffff9 3fd0000000000000 fa "text" 8000000000000009',
  },
  i386: {
    // What has 64 bits is two words, the lower half first.
    types: 'uint32_t,int32_t,int32_t,uint32_t,uint32_t,uint8_t,char *,uint32_t,uint32_t',
    words: 'fffffffb bfffffff fffffff9 0 3fd00000 fa "text" 9 80000000',
  },
} as const;

const IMPORTS = [
  'dlsym',
  'napi_create_arraybuffer',
  'napi_create_external_arraybuffer',
  'napi_create_function',
  'napi_get_cb_info',
  'napi_get_value_string_utf16',
  'napi_get_value_string_utf8',
  'napi_set_element',
];

function imageFor(os: keyof typeof SYSTEMS, arch: keyof typeof MACHINES): Image {
  const definition: ImageDefinition = {
    provider: PROVIDER,
    module: MODULE,
    probes: Object.entries(PROBES).map(([name, shape]) => defineProbe(name, shape)),
  };
  return buildImage(definition, { os, arch, tracepoint: 'nop' } satisfies Target);
}

let program: Promise<string> | undefined;

/** For a Node that knows no TypeScript. */
function bundled(): Promise<string> {
  const outfile = join(folder, 'provider.mjs');
  const entryPoints = [file('programs/provider.ts')];
  program ??= build({
    entryPoints,
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'silent',
  }).then(() => outfile);
  return program;
}

async function runOn(
  os: keyof typeof SYSTEMS,
  arch: keyof typeof MACHINES,
  runtime: Runtime,
  errno?: number,
) {
  const { compiler, preload } = MACHINES[arch];
  const library = join(folder, `stand-in-${arch}.so`);
  const source = file('../../packages/libusdt/test/platforms/stand-in.c');
  const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-o', library, source];
  const compiled = spawnSync(compiler, [...flags, '-ldl'], { encoding: 'utf8' });
  assert.equal(compiled.status, 0, compiled.stderr);
  const own = temporaryFolder();
  const log = join(own, 'log');
  const env = {
    ...{ LIBUSDT_DIR: own, STAND_IN_OS: os, STAND_IN_LOG: log, [preload]: library },
    ...(errno !== undefined && { STAND_IN_ERRNO: String(errno) }),
  };
  const { status, stdout, stderr } = run(runtime, await bundled(), { env });
  assert.deepEqual([status, stderr], [0, '']);
  return {
    said: JSON.parse(stdout) as Record<string, unknown>,
    asked: readFileSync(log, 'utf8').trim().split('\n'),
  };
}

for (const [os, arch] of [
  ['darwin', 'x64'],
  ['illumos', 'x64'],
  ['illumos', 'i386'],
  ['freebsd', 'x64'],
  ['freebsd', 'i386'],
] as const) {
  const runtime = findRuntime(MACHINES[arch].runtime);
  const skip = typeof runtime === 'string' ? runtime : without(MACHINES[arch].compiler);
  const { registeredBy, opened, added, removed } = SYSTEMS[os];

  test(`${os} on ${arch}: registered, traced, noticed, taken back`, { skip, timeout: PATIENCE }, async () => {
    assert.ok(typeof runtime !== 'string');
    const { said, asked } = await runOn(os, arch, runtime);
    const { pid, ...others } = said;
    const [no, yes] = [false, true].map((value) => Array(Object.keys(PROBES).length).fill(value));
    assert.deepEqual(others, {
      ...{ arch: arch === 'i386' ? 'ia32' : arch, before: 'disabled', registeredBy },
      ...{ idle: no, traced: yes, ended: no, disabled: 'disabled', again: 'active' },
    });

    const { dof } = imageFor(os, arch);
    const mapped = asked.flatMap((line) => /^map webapp (0x\w+)$/.exec(line)?.[1] ?? []);
    assert.equal(mapped.length, 1, 'an image stays where it is');
    const base = BigInt(mapped[0]!);
    const document = base - BigInt(dof!.base) + BigInt(dof!.document);
    const { types, words } = SEEN[arch];
    const registration = [
      opened,
      added({ base, document, pid: Number(pid) }),
      'probe webapp none none',
      'probe webapp request-start request-start uint32_t,char *,char *',
      `probe webapp handle request-done ${types}`,
      `probe webapp many many ${MANY_TYPES}`,
    ];
    assert.deepEqual(
      asked.map((line) => line.replace(/^(map \w+) .*/, '$1')),
      [
        ...IMPORTS.map((name) => `bind ${name}`),
        'map engine',
        'map webapp',
        ...registration,
        'trace',
        'fired none',
        'fired request-start ffffffff "grüße" "{"a":1}"',
        `fired request-done ${words}`,
        `fired many ${MANY_WORDS}`,
        'end',
        ...[opened, removed('4d'), 'removed 4'],
        ...registration,
        ...[opened, removed('4e'), 'removed 4'],
      ],
    );
  });

  test(`${os} on ${arch}: a device that may not be opened`, { skip, timeout: PATIENCE }, async () => {
    assert.ok(typeof runtime !== 'string');
    const EACCES = 13;
    const { said, asked } = await runOn(os, arch, runtime, EACCES);
    assert.deepEqual([said.state, said.reason], ['unavailable', 'registration-refused']);
    assert.match(String(said.detail), /EACCES/);
    assert.equal(asked.at(-1), opened);
  });
}
