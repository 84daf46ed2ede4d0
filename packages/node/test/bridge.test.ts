/** Bridges, as a tracer and the publisher see them. */

import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { after, before, describe, test } from 'node:test';
import { createProvider } from 'libusdt';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { kill } from '../../../test/support/processes.ts';
import { jsonLines, usdt, withoutTracing } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';
import { bridgeChannel, bridgeTracingChannel } from '../src/bridge/index.ts';
import { argsOf, type Event, fixture, type Program, startProgram } from './support.ts';

const folder = temporaryFolder();
process.env.LIBUSDT_DIR = folder;

describe('while nobody traces', () => {
  test('a bridged channel has no subscriber, before and after enable() and close()', () => {
    const provider = createProvider('untraced');
    const bridge = bridgeChannel('test.untraced', {
      provider,
      probe: 'p',
      types: ['int'],
      args: () => assert.fail('nobody traces'),
    });
    const tracing = bridgeTracingChannel('test.untraced', { provider, probe: 'q' });
    const channels = ['test.untraced', 'tracing:test.untraced:start'].map((name) => channel(name));
    const check = () => {
      for (const each of channels) {
        assert.equal(each.hasSubscribers, false);
        each.publish({});
      }
      assert.equal(bridge.subscribed, false);
    };
    check();
    provider.enable();
    check();
    bridge.close();
    bridge.close();
    tracing.close();
    check();
    // Their probes have gone: the names are free.
    provider.addProbe('p');
    provider.addProbe('q-start');
    provider.free();
  });

  test('a probe that was there stays when the bridge is closed', () => {
    const provider = createProvider('untraced');
    const probe = provider.addProbe('p', ['int']);
    bridgeChannel('test.untraced', { probe, args: () => [1] }).close();
    assert.throws(() => provider.addProbe('p'), { code: 'USDT_DUPLICATE_PROBE' });
    provider.free();
  });

  test('mistakes throw where they are made', () => {
    const provider = createProvider('untraced');
    const types = ['int'] as const;
    assert.throws(() => bridgeChannel('c', { provider, probe: 'a:b', types, args: () => [1] }), {
      code: 'USDT_BAD_NAME',
    });
  });
});

describe('while somebody traces', { skip: withoutTracing() }, () => {
  let program: Program;
  let events: Event[];

  const none = 'false false false';
  const some = 'true true true';
  /** What was thrown at the program. */
  const uncaught = () => program.lines.filter((line) => line.startsWith('uncaught'));
  /** Whether channels were subscribed to. */
  const states = () => program.lines.filter((line) => !line.startsWith('uncaught'));

  before(async () => {
    program = startProgram(folder, [fixture('bridges.mjs')]);
    const options = ['--pid', program.pid, '--wait', '--json', '--quiet', '--count', '900'];
    const { stdout, stderr } = usdt(folder, 'trace', 'bridged:*', ...options);
    events = jsonLines(stdout) as unknown as Event[];
    assert.equal(events.length, 900, stderr);
    // Probes are attached and detached one after the other: there may be steps between.
    await until(() => states().includes(some) && states().at(-1) === none, 'the end of subscription');
  });
  after(() => kill(program.child, 'SIGKILL'));

  test('each message is an event', () => {
    const messages = argsOf(events, 'message') as [number, string, string][];
    assert.ok(messages.length > 3);
    for (const [index, [number, text, json]] of messages.entries()) {
      assert.equal(number, messages[0]![0] + index);
      assert.equal(text, `text ${number}`);
      assert.deepEqual(JSON.parse(json), { text });
    }
  });

  test('what args() throws is counted, and the publisher does not notice', () => {
    assert.equal(argsOf(events, 'throwing').length, 0);
    const counts = argsOf(events, 'failures').map(([count]) => count as number);
    assert.ok(counts.at(-1)! > counts[0]!);
    assert.deepEqual(uncaught(), []);
  });

  describe('the events of one operation have its id, and the time since its start', () => {
    type Seen = readonly [event: string, id: number, ns: number];
    /** What happened to each operation of a kind that was seen from its start to its end, in order. */
    const operations = (sql: string, last: string): readonly (readonly Seen[])[] => {
      const seen = new Map<number, Seen[]>();
      // Probes are attached one after the other: not before all have fired.
      const fired = ['start', 'end', 'async-start', 'async-end', 'error'].map((event) =>
        events.findIndex(({ probe }) => probe === `query-${event}`),
      );
      for (const { probe, args } of events.slice(Math.max(...fired))) {
        if (!probe.startsWith('query-') || !String(args.at(-1)).endsWith(` ${sql}`)) continue;
        const event = probe.slice('query-'.length);
        const id = args[0] as number;
        if (event === 'start') seen.set(id, []);
        seen.get(id)?.push([event, id, event === 'start' ? 0 : (args[1] as number)]);
      }
      const whole = [...seen.values()].filter((each) => each.at(-1)![0] === last);
      assert.ok(whole.length > 1, sql);
      return whole;
    };
    /** The events, and that the time never goes back. */
    const order = (operation: readonly Seen[]) => {
      for (const [index, [, , ns]] of operation.entries())
        if (index > 0) assert.ok(ns > 0 && ns >= operation[index - 1]![2], JSON.stringify(operation));
      return operation.map(([event]) => event).join(' ');
    };
    const timeOf = (operation: readonly Seen[], event: string) =>
      operation.find(([each]) => each === event)![2];

    for (const [sql, expected] of [
      ['sync', 'start end'],
      ['throws', 'start error end'],
      ['promise', 'start end async-start async-end'],
      ['rejects', 'start end error async-start async-end'],
      ['callback', 'start end async-start async-end'],
      ['fails', 'start end error async-start async-end'],
    ] as const)
      test(`${sql}: ${expected}`, () => {
        const found = operations(sql, expected.split(' ').at(-1)!);
        for (const operation of found) assert.equal(order(operation), expected);
      });

    test('what takes 5 ms takes as long, and not before it is waited for', () => {
      for (const [sql, event] of [
        ['promise', 'async-start'],
        ['fails', 'error'],
      ] as const)
        for (const operation of operations(sql, 'async-end')) {
          // Timers are exact to 1.
          assert.ok(timeOf(operation, event) >= 4e6);
          assert.ok(timeOf(operation, 'end') < timeOf(operation, event));
        }
    });

    test('nested: the inner one has an id of its own, and ends first', () => {
      const inner = operations('inner', 'async-end');
      const outer = operations('outer', 'async-end');
      const ids = [...inner, ...outer].map(([first]) => first![1]);
      assert.equal(new Set(ids).size, ids.length);
      for (const operation of outer) {
        const [, id] = operation[0]!;
        // It is the next that starts.
        const within = inner.find(([first]) => first![1] === id + 1);
        if (within) assert.ok(timeOf(within, 'async-end') < timeOf(operation, 'async-end'));
      }
      assert.ok(outer.some(([first]) => inner.some(([each]) => each![1] === first![1] + 1)));
    });

    test('one that began before somebody traced has 0 for its time', () => {
      const [id, ns] = argsOf(events, 'query-async-end').find((args) => args[2] === 'asyncEnd early')!;
      assert.ok(Number(id) > 0);
      assert.equal(ns, 0);
      assert.ok(!argsOf(events, 'query-start').some(([each]) => each === id));
    });
  });

  test('operation() tells what belongs together where each event has its own message', () => {
    const [id, number] = argsOf(events, 'job-start')[1]! as [number, number];
    const end = argsOf(events, 'job-end').find(([each]) => each === id)!;
    const finished = argsOf(events, 'job-async-end').find(([each]) => each === id)!;
    assert.deepEqual([end[2], finished[2]], [number, number]);
    assert.ok(Number(end[1]) > 0 && Number(finished[1]) > Number(end[1]));
  });

  test('what operation() throws goes nowhere', () => {
    assert.equal(argsOf(events, 'keyless-start').length, 0);
    assert.deepEqual(uncaught(), []);
  });

  test('errors have their message', () => {
    const errors = argsOf(events, 'query-error');
    const messageOf = (sql: string) => errors.find((args) => args[3] === `error ${sql}`)?.[2];
    assert.equal(messageOf('throws'), 'TypeError: no such table');
    assert.equal(messageOf('rejects'), 'Error: rejected');
    assert.equal(messageOf('fails'), 'RangeError: called back');
  });

  test('without args() there are the id and the time', () => {
    const [start] = argsOf(events, 'bare-start')[1]! as [number];
    assert.equal(argsOf(events, 'bare-start')[1]!.length, 1);
    const end = argsOf(events, 'bare-end').find(([id]) => id === start);
    assert.equal(end?.length, 2);
  });

  test('a closed bridge has no probe', () => {
    const { stdout } = usdt(folder, 'list', 'bridged:*', '--pid', program.pid);
    assert.match(stdout, /bridged:message/);
    assert.doesNotMatch(stdout, /bridged:closed/);
  });

  test('subscribes when somebody traces, and unsubscribes when they stop', () => {
    assert.equal(states()[0], none);
    assert.ok(states().includes(some));
    assert.equal(states().at(-1), none);
  });
});
