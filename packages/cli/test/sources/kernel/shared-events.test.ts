/** What the kernel is told of many sites: one event for all whose records look alike, whatever it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf } from '../../../src/catalogue/maps.ts';
import type { ProbeFile } from '../../../src/catalogue/probe.ts';
import { FailureError } from '../../../src/errors.ts';
import type { FetchArgument } from '../../../src/sources/kernel/fetch-args.ts';
import { enableShared, type SitePlan } from '../../../src/sources/kernel/shared-events.ts';
import type { Instance } from '../../../src/tracefs/instance.ts';
import { fakeProbe } from '../../fakes.ts';

interface Kernel {
  readonly instance: Instance;
  /** Lines of each event, and whether it is enabled. */
  readonly events: Map<string, { readonly lines: string[]; enabled: boolean; filter: string }>;
}

interface Rules {
  /** A kernel of before 5.4 has neither numbers nor several places. */
  readonly old?: boolean;
  /** Offsets in hex that can't be defined, and those that can't be enabled. */
  readonly undefinable?: readonly string[];
  readonly untraceable?: readonly string[];
}

/** Behaves as uprobe_events and the files of events do. */
function kernel({ old = false, undefinable = [], untraceable = [] }: Rules = {}): Kernel {
  const events: Kernel['events'] = new Map();
  const named = (path: string) => events.get(path.split('/')[2]!)!;
  const has = (line: string, offsets: readonly string[]) => offsets.includes(/:(0x\w+)/.exec(line)![1]!);
  const shape = (line: string) =>
    [...line.matchAll(/ (\w+)=\S+:(\w+)/g)].map(([, name, type]) => name! + type!);
  const define = (line: string): void => {
    const name = /^p:us\/(\S+) /.exec(line)![1]!;
    if (has(line, undefinable) || (old && line.includes('\\'))) throw new FailureError(`refused ${name}`);
    const event = events.get(name);
    if (old || event === undefined) events.set(name, { lines: [line], enabled: false, filter: '' });
    else {
      assert.equal(event.enabled, false, 'the kernel does not attach to what is added to an enabled event');
      assert.deepEqual(shape(line), shape(event.lines[0]!), 'the kernel would refuse it');
      event.lines.push(line);
    }
  };
  const write = (path: string, text: string): void => {
    const event = named(path);
    if (path.endsWith('/filter')) event.filter = text;
    else if (event.lines.some((line) => has(line, untraceable)))
      throw Object.assign(new Error(path), { code: 'EINVAL' });
    else event.enabled = true;
  };
  const instance: Instance = {
    tracefs: '',
    name: 'us',
    path: '',
    define: (lines) => lines.split('\n').forEach(define),
    places: (event) => events.get(event)?.lines.length ?? 0,
    undefine: (event) => void events.delete(event),
    write,
    tryWrite: (path, text) => {
      write(path, text);
      return true;
    },
    read: (path) => {
      const fields = shape(named(path).lines[0]!).map(
        (name, n) => `field:u16 ${name.slice(0, 4)}; offset:${16 + n}; size:2;`,
      );
      return ['ID: 7', ...fields].join('\n');
    },
    beforeRemoval: () => {},
    close: () => {},
  };
  return { instance, events };
}

/** Any that is there. */
const path = '/dev/null';
const file = { path, openPath: path, statKey: keyOf(path) } as ProbeFile;
const integer = (text: string): FetchArgument => ({
  expressible: true,
  text,
  size: 4,
  signed: true,
  string: false,
  plain: true,
});

/** The site at an offset, with arguments. */
function plan(offset: number, texts: readonly string[] = ['%di:s32'], filter?: string): SitePlan {
  const { site } = fakeProbe(`shop:p${offset}`);
  return { file, site: { ...site, offset: BigInt(offset) }, fetches: texts.map(integer), filter };
}

const offsets = (plans: readonly SitePlan[]) => plans.map(({ site }) => Number(site.offset));

test('sites share an event if their records and their filters are alike, wherever the arguments are', () => {
  const { instance, events } = kernel();
  const plans = [
    plan(16),
    plan(17, ['%di:u32']),
    plan(18, ['+8(%sp):s32']),
    plan(19, ['%di:s32'], 'arg0 == 1'),
    plan(20, ['%si:s32'], 'arg0 == 1'),
    plan(21, ['%di:s32', '%si:s32']),
    plan(22),
  ];
  const { events: shared, refused } = enableShared(instance, plans);
  assert.equal(refused.size, 0);
  assert.deepEqual(
    shared.map((event) => offsets(event.plans)),
    [[16, 18, 22], [17], [19, 20], [21]],
  );
  assert.deepEqual(
    [...events.values()].map(({ lines, filter }) => [
      filter,
      ...lines.map((line) => line.replace(/^\S+ /, '')),
    ]),
    [
      [
        '',
        '/dev/null:0x10 site=\\0:u16 arg0=%di:s32',
        '/dev/null:0x12 site=\\1:u16 arg0=+8(%sp):s32',
        '/dev/null:0x16 site=\\2:u16 arg0=%di:s32',
      ],
      ['', '/dev/null:0x11 arg0=%di:u32'],
      ['arg0 == 1', '/dev/null:0x13 site=\\0:u16 arg0=%di:s32', '/dev/null:0x14 site=\\1:u16 arg0=%si:s32'],
      ['', '/dev/null:0x15 arg0=%di:s32 arg1=%si:s32'],
    ],
  );
  assert.ok([...events.values()].every(({ enabled }) => enabled));
});

test('a site that comes later gets an event of its own', () => {
  const { instance, events } = kernel();
  enableShared(instance, [plan(16), plan(17)]);
  enableShared(instance, [plan(18)]);
  assert.deepEqual(
    [...events.values()].map(({ lines }) => lines.length),
    [2, 1],
  );
});

test('a kernel that knows no numbers gets an event for each site', () => {
  const { instance, events } = kernel({ old: true, undefinable: ['0x10'] });
  const { events: each, refused } = enableShared(instance, [plan(16), plan(17), plan(18), plan(19)]);
  assert.deepEqual(
    each.map((event) => [offsets(event.plans), event.numberAt]),
    [
      [[17], undefined],
      [[18], undefined],
      [[19], undefined],
    ],
  );
  assert.equal(events.size, 3);
  assert.deepEqual(offsets([...refused.keys()]), [16]);
});

test('sites that the kernel refuses are told, all others are attached, with numbers that are right', () => {
  const many = Array.from({ length: 40 }, (_, n) => plan(16 + n));
  for (const rules of [
    { undefinable: ['0x10'] },
    { undefinable: ['0x11', '0x12', '0x20'] },
    { untraceable: ['0x10'] },
    { untraceable: ['0x37', '0x20'], undefinable: ['0x21'] },
  ]) {
    const { instance, events } = kernel(rules);
    const { events: shared, refused } = enableShared(instance, many);
    const bad = Object.values(rules).flat().map(Number);
    assert.deepEqual(offsets([...refused.keys()]).sort(), bad.sort(), JSON.stringify(rules));
    assert.deepEqual(
      shared.flatMap((event) => offsets(event.plans)),
      offsets(many).filter((offset) => !bad.includes(offset)),
    );
    const numbered = [...events.values()].flatMap(({ lines }) =>
      lines.flatMap((line) => [...line.matchAll(/:0x(\w+) site=\\(\d+)/g)]),
    );
    for (const [, offset, number] of numbered) {
      const event = shared.find(({ plans }) => offsets(plans).includes(Number.parseInt(offset!, 16)))!;
      assert.equal(Number(event.plans[Number(number)]!.site.offset), Number.parseInt(offset!, 16));
    }
  }
});

test('a site with as many arguments as the kernel takes has no room for a number', () => {
  const { instance, events } = kernel();
  const texts = Array.from({ length: 128 }, () => '%di:s32');
  enableShared(instance, [plan(16, texts), plan(17, texts)]);
  assert.deepEqual(
    [...events.values()].map(({ lines }) => lines.length),
    [1, 1],
  );
});
