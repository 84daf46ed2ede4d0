/**
 * Registration with DTrace's daemon on Linux: what the device is asked, byte for byte, when, and by which thread; and
 * what becomes of a provider when it refuses. The device is a stand-in that is preloaded into a program
 * (helper-device.c). The real one: test/vm/dtrace-dof.test.ts.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import { decodeDof } from '../../src/dof/decode.ts';
import { encodeDof } from '../../src/dof/encode.ts';
import type { ActiveStatus } from '../../src/index.ts';
import { encodeDofHelper } from '../../src/platform/dtrace/helper.ts';
import { createRegistrar } from '../../src/platform/dtrace/linux.ts';
import type { HelperSystem } from '../../src/platform/dtrace/registrar.ts';
import { plainWith } from '../dof/definitions.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const folder = temporaryFolder();
const device = join(folder, 'helper-device.so');
const log = join(folder, 'log');

const ADDDOF = '4050d803';
const REMOVE = '4004d802';

/** A line of the stand-in's log. */
interface Asked {
  readonly onMainThread: boolean;
  readonly request: string;
  readonly argument: string;
  readonly isInFile: boolean;
  readonly document: Uint8Array;
}

interface Outcome {
  readonly steps: readonly ActiveStatus[];
  readonly asked: readonly Asked[];
}

function run(scenario: string[], answer = ''): Outcome {
  rmSync(log, { force: true });
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...inherited } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', here('helper-child.ts'), ...scenario],
    {
      encoding: 'utf8',
      env: {
        ...inherited,
        LD_PRELOAD: device,
        LIBUSDT_DIR: join(folder, 'cache'),
        HELPER_LOG: log,
        HELPER_ANSWER: answer,
      },
    },
  );
  assert.equal(status, 0, stderr);
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  const asked = lines.map((line) => {
    const [main, request, argument, isInFile, document = ''] = line.split(' ');
    return {
      onMainThread: main === '1',
      request: request!,
      argument: argument!,
      isInFile: isInFile === '1',
      document: Uint8Array.from(Buffer.from(document, 'hex')),
    };
  });
  return { steps: JSON.parse(stdout) as ActiveStatus[], asked };
}

const requests = (asked: readonly Asked[]): string[] =>
  asked.map(({ request, argument }) => (request === REMOVE ? `remove ${argument}` : 'add'));

describe('a program where DTrace runs', { ...needs('gcc', '/proc/self/maps'), timeout: 600_000 }, () => {
  before(() => {
    execFileSync('gcc', ['-shared', '-fPIC', '-Wall', '-Werror', '-o', device, here('helper-device.c')]);
  });

  test('enable() registers the image, disable() takes it back', () => {
    const { steps, asked } = run(['one']);
    assert.deepEqual(requests(asked), ['add', 'remove 28', 'add', 'remove 29']);
    const [first] = asked;
    assert.equal(first!.request, ADDDOF);
    assert.equal(first!.onMainThread, true);
    assert.equal(first!.isInFile, true, 'dtprobed wants it in a file');
    const helper = Buffer.from(first!.argument, 'hex');
    assert.equal(helper.length, 80);
    assert.equal(helper.subarray(0, 64).toString().replace(/\0+$/, ''), 'app');
    const [base, address] = [helper.readBigUInt64LE(64), helper.readBigUInt64LE(72)];
    assert.equal(base % 4096n, 0n, 'where the image starts');
    assert.ok(address > base && address < base + 65536n);

    const { providers } = decodeDof(first!.document);
    assert.deepEqual(
      providers[0]!.probes.map(({ function: of, name, nativeTypes }) => [of, name, nativeTypes]),
      [
        ['request-start', 'request-start', ['int', 'char *']],
        ['reply', 'request-done', []],
      ],
    );
    assert.equal(providers[0]!.attributes.nameattr, 0x06060500);
    for (const step of [steps[0]!, steps[2]!]) {
      assert.match(step.registeredBy, /uprobes.*dtprobed \(\/dev\/dtrace\/helper\)/);
      assert.equal(step.detail, undefined);
    }
    assert.equal(steps[1]!.state, 'disabled');
  });

  test('providers of one definition share a registration, others have their own', () => {
    const { asked } = run(['two']);
    assert.deepEqual(requests(asked), ['add', 'add', 'remove 29', 'remove 28']);
  });

  test('when a probe is removed, what is left is registered before the old goes, and again then', () => {
    const { asked } = run(['removal']);
    // dtprobed forgets probes by their names, also those that the new document has too.
    assert.deepEqual(requests(asked), ['add', 'add', 'remove 28', 'remove 29', 'add', 'remove 2a']);
    const names = (one: Asked): string[] =>
      decodeDof(one.document).providers[0]!.probes.map((probe) => probe.name);
    assert.deepEqual(
      [0, 1, 4].map((index) => names(asked[index]!)),
      [['request-start', 'request-done'], ['request-start'], ['request-start']],
    );
  });

  test('a thousand probes and more', () => {
    const { steps, asked } = run(['large']);
    assert.equal(decodeDof(asked[0]!.document).providers[0]!.probes.length, 1100);
    assert.match(steps[0]!.registeredBy, /dtprobed/);
  });

  test('a dropped provider is taken back too', () => {
    assert.deepEqual(requests(run(['dropped']).asked), ['add', 'remove 28']);
  });

  test('a worker thread asks nothing, and says why dtrace has to be told the process', () => {
    const { steps, asked } = run(['worker']);
    assert.deepEqual(asked, []);
    assert.equal(steps.length, 3);
    assert.equal(steps[0]!.state, 'active');
    assert.doesNotMatch(steps[0]!.registeredBy, /dtprobed/);
    assert.match(steps[0]!.detail!, /worker thread.*main thread first/);
  });

  test('a worker thread uses what the main thread has registered', () => {
    const { steps, asked } = run(['both']);
    assert.deepEqual(requests(asked), ['add']);
    assert.equal(steps[1]!.file, steps[0]!.file);
    assert.match(steps[1]!.registeredBy, /dtprobed/);
    assert.equal(steps[1]!.detail, undefined);
  });

  for (const [what, answer, detail] of [
    ['a device of root', 'open:13', /may not be opened by this user.*udev/],
    ['a dead daemon', 'open:19', /does not answer \(ENODEV\)/],
    ['a refusal', 'ioctl:22', /refused the probes \(EINVAL\)/],
  ] as const) {
    test(`${what} leaves the notes, in a file where dtrace finds them`, () => {
      const { steps } = run(['one'], answer);
      const [first] = steps;
      assert.equal(first!.state, 'active');
      assert.match(first!.detail!, detail);
      assert.doesNotMatch(first!.registeredBy, /dtprobed/);
      assert.equal(
        readFileSync(first!.file).includes(Buffer.from([0x7f, 0x44, 0x4f, 0x46])),
        false,
        'no DOF',
      );
    });
  }
});

/** A device that answers from a list, and what it was asked. */
function recorded(answers: (number | Error)[]): { system: HelperSystem; asked: unknown[] } {
  const asked: unknown[] = [];
  const system: HelperSystem = {
    exists: () => true,
    isMainThread: () => true,
    open: () => 7,
    close: (descriptor) => void asked.push(['close', descriptor]),
    ioctl(descriptor, request, argument) {
      asked.push(['ioctl', descriptor, request, structuredClone(argument)]);
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { system, asked };
}

const PLAIN = {
  provider: 'web',
  module: 'app',
  base: 0x7f00_0000_0000n,
  address: 0x7f00_0000_0248n,
  bytes: encodeDof({ ...plainWith({}), version: 3 }),
  isShared: false,
};

function registered(system: HelperSystem): () => void {
  const remove = createRegistrar(system).register(PLAIN);
  if (typeof remove === 'string') assert.fail(remove);
  return remove;
}

test('the structure, byte for byte', () => {
  const bytes = Buffer.from(encodeDofHelper({ mod: 'app', addr: 0x0102_0304_0506_0708n, dof: 0x1112_1314n }));
  assert.equal(bytes.toString('hex'), `617070${'00'.repeat(61)}08070605040302011413121100000000`);
  assert.throws(() => encodeDofHelper({ mod: 'x'.repeat(64), addr: 0n, dof: 0n }), RangeError);
});

test('the generation that was given is taken back, once, and the device is always closed', () => {
  const { system, asked } = recorded([5, 0]);
  const remove = registered(system);
  remove();
  remove();
  const helper = encodeDofHelper({ mod: 'app', addr: PLAIN.base, dof: PLAIN.address });
  assert.deepEqual(asked, [
    ['ioctl', 7, 0x4050d803, helper],
    ['close', 7],
    ['ioctl', 7, 0x4004d802, 5],
    ['close', 7],
  ]);
});

test('documents of other probes are left alone when one is taken back', () => {
  const { system, asked } = recorded([5, 6, 7, 0]);
  const registrar = createRegistrar(system);
  const other = encodeDof({
    ...plainWith({ probes: plainWith({}).providers[0]!.probes.slice(1) }),
    version: 3,
  });
  const third = encodeDof({ ...plainWith({}, { function: 'elsewhere' }), version: 3 });
  const [first] = plainWith({}).providers[0]!.probes;
  const alone = encodeDof({ ...plainWith({ probes: [first!] }), version: 3 });
  const remove = registrar.register({ ...PLAIN, bytes: alone });
  registrar.register({ ...PLAIN, bytes: other, address: 1n });
  registrar.register({ ...PLAIN, bytes: third, address: 2n });
  if (typeof remove === 'string') assert.fail(remove);
  remove();
  assert.deepEqual(
    asked.filter((one) => (one as unknown[])[0] === 'ioctl').map((one) => (one as unknown[])[2]),
    [0x4050d803, 0x4050d803, 0x4050d803, 0x4004d802],
  );
});

test('however many documents of a provider are taken back, each is read once for that', () => {
  const COUNT = 50;
  const { system } = recorded(Array<number>(2 * COUNT).fill(0));
  const registrar = createRegistrar(system);
  const [first] = plainWith({}).providers[0]!.probes;
  let reads = 0;
  const removals = Array.from({ length: COUNT }, (_, index) => {
    const probes = [{ ...first!, name: `probe-${index}` }];
    const bytes = encodeDof({ ...plainWith({ probes }), version: 3 });
    return registrar.register({
      ...PLAIN,
      address: BigInt(index),
      get bytes() {
        reads++;
        return bytes;
      },
    });
  });
  reads = 0;
  for (const remove of removals) {
    if (typeof remove === 'string') assert.fail(remove);
    remove();
  }
  assert.ok(reads > 0 && reads <= COUNT, `${reads} times`);
});

test('a daemon that went away in between is no harm', () => {
  const { system, asked } = recorded([5, Object.assign(new Error('gone'), { code: 'ENODEV' })]);
  const remove = registered(system);
  remove();
  assert.deepEqual(asked.at(-1), ['close', 7]);
});

test('what dtprobed would refuse is not handed over, and the rule is named', () => {
  const { system, asked } = recorded([]);
  const bytes = encodeDof({ ...plainWith({}, { function: 'a/b' }), version: 3 });
  assert.match(String(createRegistrar(system).register({ ...PLAIN, bytes })), /name-is-file/);
  assert.deepEqual(asked, []);
});
