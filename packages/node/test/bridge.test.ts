/** Bridges, as a tracer and the publisher see them. */
import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import * as fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createProvider } from 'libusdt';
import { jsonLines, temporaryFolder, until, usdt, withoutTracing } from '../../cli/test/support.ts';
import { bridgeChannel, bridgeTracingChannel } from '../src/bridge/index.ts';
import { argsOf, type Event, fixture, type Program, startProgram } from './support.ts';

const folder = temporaryFolder();
process.env.LIBUSDT_DIR = folder;
after(() => fs.rmSync(folder, { recursive: true, force: true }));

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

  before(() => {
    program = startProgram(folder, [fixture('bridges.mjs')]);
    const options = ['--pid', program.pid, '--wait', '--json', '--quiet', '--count', '300'];
    const { stdout, stderr } = usdt(folder, 'trace', 'bridged:*', ...options);
    events = jsonLines(stdout) as unknown as Event[];
    assert.equal(events.length, 300, stderr);
  });
  after(() => program.child.kill('SIGKILL'));

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
    assert.ok(!program.lines.some((line) => line.startsWith('uncaught')));
  });

  test('events of one operation have its id, and the time since its start', () => {
    const named = (probe: string, text: string) =>
      argsOf(events, probe).filter((args) => args.at(-1) === text) as number[][];
    const byId = (found: readonly number[][], id: number) => found.find(([each]) => each === id);

    const promised = named('query-start', 'start promise');
    assert.equal(new Set(promised.map(([id]) => id)).size, promised.length);
    const [id] = promised[1]!;
    const end = byId(named('query-end', 'end promise'), id!);
    const settled = byId(named('query-async-start', 'asyncStart promise'), id!);
    const finished = byId(named('query-async-end', 'asyncEnd promise'), id!);
    assert.ok(end![1]! > 0);
    // The promise waits 5 ms, and timers are exact to 1.
    assert.ok(settled![1]! >= 4e6);
    assert.ok(settled![1]! > end![1]!);
    assert.ok(finished![1]! >= settled![1]!);

    assert.ok(named('query-start', 'start callback').length > 0);
    assert.ok(named('query-async-end', 'asyncEnd callback').length > 0);
    assert.equal(named('query-async-end', 'asyncEnd sync').length, 0);
  });

  test('errors have their message', () => {
    const errors = argsOf(events, 'query-error');
    const thrown = errors.find((args) => args[3] === 'error throws');
    assert.equal(thrown?.[2], 'TypeError: no such table');
    const rejected = errors.find((args) => args[3] === 'error rejects');
    assert.equal(rejected?.[2], 'Error: rejected');
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

  test('subscribes when somebody traces, and unsubscribes when they stop', async () => {
    const none = 'false false false';
    // Probes are attached and detached one after the other: there may be steps between.
    await until(
      () => program.lines.includes('true true true') && program.lines.at(-1) === none,
      'the end of subscription',
    );
    assert.equal(program.lines[0], none);
  });
});
