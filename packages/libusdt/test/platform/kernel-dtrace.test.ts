/**
 * macOS, illumos and FreeBSD, with stand-ins for the engine and the C library: what the helper device is asked, byte for
 * byte, as each kernel's header has it; when; and what becomes of a provider when it refuses.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { decodeDof } from '../../src/dof/decode.ts';
import type { Engine } from '../../src/hosts/host.ts';
import { buildImage } from '../../src/image/image.ts';
import { createKernelSystem } from '../../src/platform/dtrace/kernel.ts';
import type { IoctlArgument, Libc } from '../../src/platform/libc.ts';
import type { LoadedImage } from '../../src/platform/platform.ts';
import { defineProbe } from '../../src/provider/definition.ts';
import { isProblem, type Problem } from '../../src/runtime/reasons.ts';

process.env.LIBUSDT_DIR = `${temporaryFolder()}/cache`;

const TEXT = 0x1_0400_0200n;
const DEFINITION = {
  provider: 'webapp',
  module: 'app',
  probes: [defineProbe('request-start', ['uint32_t', 'char *']), defineProbe('done', [])],
};

type Asked = readonly [request: string, argument: string];

interface StandIn {
  readonly asked: Asked[];
  readonly opened: string[];
  readonly closed: number[];
  readonly mapped: string[];
  readonly unmapped: number;
  readonly process: { readonly engine: Engine; readonly libc: Libc };
}

/** @param answer what the device does with an argument, and returns; or its error. */
function standIn(answer: (bytes: Uint8Array) => number | Error): StandIn {
  const record = {
    asked: [] as Asked[],
    opened: [] as string[],
    closed: [] as number[],
    mapped: [] as string[],
    unmapped: 0,
  };
  const ioctl = (_descriptor: number, request: number, argument: IoctlArgument): number => {
    const bytes =
      typeof argument === 'number'
        ? new Uint8Array()
        : 'pointerTo' in argument
          ? argument.pointerTo
          : argument;
    const kind = typeof argument === 'number' ? `${argument}` : Buffer.from(bytes).toString('hex');
    const form = typeof argument === 'object' && 'pointerTo' in argument ? '*' : '';
    record.asked.push([`0x${request.toString(16)}`, form + kind]);
    const result = answer(bytes);
    if (result instanceof Error) throw result;
    return result;
  };
  const libc = {
    ioctl,
    exists: () => true,
    isMainThread: () => true,
    open: (path: string) => record.opened.push(path) + 10,
    close: (descriptor: number) => void record.closed.push(descriptor),
    dlopen: (path: string) => BigInt(record.mapped.push(path)),
    dlsym: () => TEXT,
    dlclose: () => void record.unmapped++,
  } as unknown as Libc;
  const engine = {
    arch: 'x64',
    view: (_: bigint, length: number) => new ArrayBuffer(length),
  } as unknown as Engine;
  return Object.assign(record, { process: { engine, libc } });
}

function assertLoaded(image: LoadedImage | Problem): LoadedImage {
  assert.ok(
    !isProblem(image),
    JSON.stringify(image, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
  );
  return image;
}

const word = (value: bigint): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString('hex');
};
const MODULE = Buffer.from('app'.padEnd(64, '\0')).toString('hex');

describe('the helper device is asked what the kernel expects', () => {
  for (const { os, device, add, remove, answer } of [
    {
      os: 'darwin',
      device: '/dev/dtracehelper',
      // dof_ioctl_data_t: count 1, dof_helper_t with the document's address twice; by a pointer to its address.
      add: (document: bigint) => ['0x80086804', `*${word(1n)}${MODULE}${word(document)}${word(document)}`],
      remove: ['0x20006802', '77'],
      answer: (bytes: Uint8Array) => {
        if (bytes.length > 0) new DataView(bytes.buffer).setBigUint64(80, 77n, true);
        return 0;
      },
    },
    {
      os: 'illumos',
      device: '/dev/dtrace/helper',
      add: (document: bigint, base: bigint) => ['0x64746803', `${MODULE}${word(base)}${word(document)}`],
      remove: ['0x64746802', '77'],
      answer: () => 77,
    },
    {
      os: 'freebsd',
      device: '/dev/dtrace/helper',
      add: (document: bigint, base: bigint) => {
        const pid = Buffer.alloc(8);
        pid.writeInt32LE(process.pid);
        return ['0xc0587a03', `${MODULE}${word(base)}${word(document)}${pid.toString('hex')}`];
      },
      remove: ['0x80047a02', '4d000000'],
      answer: (bytes: Uint8Array) => {
        if (bytes.length === 88) new DataView(bytes.buffer).setInt32(84, 77, true);
        return 0;
      },
    },
  ] as const) {
    test(os, () => {
      // Taken when it is asked: the device writes into the argument afterwards.
      const { process, asked, opened, closed, mapped, ...rest } = standIn(answer);
      const system = createKernelSystem(os, process);
      const image = assertLoaded(system.load(DEFINITION));
      const { dof, bytes } = buildImage(DEFINITION, { os, arch: process.engine.arch, tracepoint: 'nop' });
      const document = TEXT + BigInt(dof!.document);
      const base = TEXT + BigInt(dof!.base);
      assert.deepEqual(asked, [add(document, base)]);
      assert.deepEqual(readFileSync(image.file), Buffer.from(bytes), 'the file that was mapped');
      assert.equal(image.registeredBy, `DTrace (${device})`);

      const twin = assertLoaded(createSecond(system));
      assert.equal(asked.length, 1, 'no kernel takes a document twice');
      twin.unload();
      assert.equal(asked.length, 1, 'and the first still needs it');
      image.unload();
      image.unload();
      assert.deepEqual(asked.slice(1), [remove]);
      assertLoaded(system.load(DEFINITION));
      assert.equal(asked.length, 3, 'registered again');
      assert.deepEqual(new Set(mapped), new Set([image.file]), 'at the same addresses');
      assert.equal(rest.unmapped, 0, 'what may have been traced stays mapped');
      assert.deepEqual(new Set(opened), new Set([device]));
      assert.equal(closed.length, opened.length);
      assert.equal(decodeDof(dof!.bytes).providers[0]!.probes.length, 2);
    });
  }
});

function createSecond(system: ReturnType<typeof createKernelSystem>): LoadedImage | Problem {
  return system.load({ ...DEFINITION });
}

test('a refusal is a reason that people can act on, and nothing stays behind', () => {
  const refused = (os: 'darwin' | 'illumos' | 'freebsd', code: string): string => {
    const { process, opened, closed } = standIn(() => Object.assign(new Error(code), { code }));
    const problem = createKernelSystem(os, process).load(DEFINITION);
    assert.ok(isProblem(problem));
    assert.equal(problem.reason, 'registration-refused');
    assert.equal(closed.length, opened.length);
    return problem.detail;
  };
  assert.match(refused('darwin', 'EACCES'), /System Integrity Protection/);
  assert.match(refused('darwin', 'E2BIG'), /dof_maxsize/);
  assert.match(refused('freebsd', 'EACCES'), /devfs\.rules/);
  assert.match(refused('freebsd', 'ENOENT'), /kldload dtraceall/);
  assert.match(refused('illumos', 'ENXIO'), /zonecfg/);
});

test('what a kernel would drop without a word is said before it is asked', () => {
  const { process, asked } = standIn(() => 0);
  const many = Array.from({ length: 20_000 }, (_, index) => defineProbe(`probe-${index}`, ['int']));
  const problem = createKernelSystem('darwin', process).load({ ...DEFINITION, probes: many });
  assert.ok(isProblem(problem));
  assert.match(problem.detail, /the kernel would not take the probes \(.*size.*\)/);
  assert.deepEqual(asked, []);
  assert.ok(existsSync(problem.path));
});
