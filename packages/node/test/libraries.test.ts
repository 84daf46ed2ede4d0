/** Libraries from npm that publish to diagnostics_channel by themselves: what they do, in probes. */

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { installedPackages, withoutPackages } from '../../../test/support/installed.ts';
import { kill } from '../../../test/support/processes.ts';
import { jsonLines, usdt, withoutTracing } from '../../../test/support/usdt.ts';
import { argsOf, type Event, findNode, fixture, type Program, startProgram } from './support.ts';

const folder = temporaryFolder();
// Some of them want a newer Node than 20.
const node = findNode(24);

const skip = node.skip || withoutTracing() || withoutPackages('libraries');

describe('libraries', { skip }, () => {
  let program: Program;
  let events: readonly (Event & { readonly provider: string })[];
  const all = (provider: string, probe: string) =>
    argsOf(
      events.filter((event) => event.provider === provider),
      probe,
    );
  /** The other events of an operation that began with these arguments after its number. */
  const whole = (provider: string, probe: string, starts: (args: readonly unknown[]) => boolean) => {
    for (const [id, ...args] of all(provider, `${probe}-start`)) {
      const of = (event: string) => all(provider, `${probe}-${event}`).find(([each]) => each === id);
      if (starts(args) && of('async-end')) return { args, end: of('async-end')!, error: of('error') };
    }
    return assert.fail(
      `${provider}:${probe} in ${JSON.stringify(all(provider, `${probe}-start`).slice(0, 9))}`,
    );
  };

  before(() => {
    program = startProgram(
      join(folder, 'cache'),
      [
        fixture('libraries.mjs'),
        dirname(installedPackages('libraries')!),
        ...['@libusdt/node', '@libusdt/node/bridge', 'libusdt'].map((name) => import.meta.resolve(name)),
      ],
      { runtime: node.runtime },
    );
    const patterns = ['express:*', 'fastify:*', 'ioredis:*', 'redis:*', 'mysql:*', 'graphql:*'];
    patterns.push('node:undici-request-create', 'node:undici-proxy-connected');
    const options = ['--pid', program.pid, '--wait', '--json', '--quiet', '--duration', '4'];
    const { stdout, stderr } = usdt(folder, 'trace', ...patterns, ...options);
    events = jsonLines(stdout) as unknown as typeof events;
    assert.ok(events.length > 0, stderr);
  });
  after(() => kill(program.child, 'SIGKILL'));

  test('fastify: each call of a handler, with its route, the time it took, and what it throws', () => {
    const { args, end } = whole('fastify', 'handler', ([, , route]) => route === '/items/:id');
    const [request, ...route] = args;
    assert.deepEqual(route, ['GET', '/items/:id', 200]);
    assert.match(String(request), /^req-/);
    assert.ok(Number(end[1]) > 2e6);
    const broken = all('fastify', 'handler-error')[0]!;
    assert.deepEqual([broken[2], broken[5]], ['Error: out of order', '/broken']);
  });

  test('express: each call of a middleware and of a handler, by name, with its route', () => {
    const isOrder = ([, , route]: readonly unknown[]) => route === '/orders/:id';
    const { args, end } = whole('express', 'handler', isOrder);
    assert.deepEqual(args, ['GET', '/orders/7', '/orders/:id', 'order', 200]);
    assert.ok(Number(end[1]) > 2e6);
    assert.ok(all('express', 'handler-start').some(([, , , , name]) => name === 'greets'));
    const refused = all('express', 'handler-error')[0]!;
    assert.deepEqual(
      [refused[2], ...refused.slice(4, 7)],
      ['Error: out of order', '/refused', '/refused', 'refuse'],
    );
  });

  for (const [provider, get, set, failing] of [
    ['ioredis', ['key'], ['key', '?'], []],
    ['redis', ['GET', 'key'], ['SET', 'key', '?'], ['FAILING']],
  ] as const) {
    test(`${provider}: commands, without what may be secret, batches and connections`, () => {
      const command = (name: string) =>
        whole(provider, 'command', ([each]) => String(each).toUpperCase() === name);
      for (const [name, expected] of [
        ['GET', get],
        ['SET', set],
      ] as const) {
        const { args, end, error } = command(name);
        const [, values, database, host, port] = args;
        assert.deepEqual(JSON.parse(values as string), expected);
        assert.deepEqual([database, host], [0, '127.0.0.1']);
        assert.ok(Number(port) > 1024);
        assert.ok(Number(end[1]) > 0);
        assert.equal(error, undefined);
      }
      const failed = command('FAILING');
      assert.deepEqual(JSON.parse(failed.args[1] as string), failing);
      assert.match(String(failed.error![2]), /ERR out of order/);

      const batch = whole(provider, 'batch', ([mode]) => mode === 'MULTI');
      assert.deepEqual(batch.args.slice(1, 4), [1, 0, '127.0.0.1']);
      const connection = whole(provider, 'connect', ([host]) => host === '127.0.0.1');
      assert.ok(Number(connection.end[1]) > 0);
    });
  }

  test('mysql2: statements, connections, and those of a pool', () => {
    const { args, end, error } = whole('mysql', 'query', ([sql]) => sql === "select 'text'");
    assert.deepEqual(args.slice(1, 3), ['orders', '127.0.0.1']);
    assert.ok(Number(end[1]) > 0);
    assert.equal(error, undefined);
    const failed = whole('mysql', 'query', ([sql]) => sql === 'fail');
    assert.match(String(failed.error![2]), /out of order/);
    const connection = whole('mysql', 'connect', ([user]) => user === 'shop');
    assert.deepEqual(connection.args.slice(1, 3), ['orders', '127.0.0.1']);
    const pooled = whole('mysql', 'pool-connect', ([database]) => database === 'orders');
    assert.equal(pooled.args[1], '127.0.0.1');
  });

  test('GraphQL.js: what is parsed, validated, executed and resolved', () => {
    const [id] = all('graphql', 'parse-start').find(
      ([, text]) => text === 'query Items { item(id: 7) { name } }',
    )!;
    const [, took] = all('graphql', 'parse-end').find(([each]) => each === id)!;
    assert.ok(Number(took) > 0);
    assert.match(String(all('graphql', 'parse-error')[0]![2]), /Syntax Error/);
    assert.equal(all('graphql', 'validate-end')[0]![2], 0);
    const { args, end } = whole('graphql', 'execute', ([, name]) => name === 'Items');
    assert.deepEqual(args, ['query', 'Items', 0]);
    assert.equal(end[4], 0);
    // The error is in the result, and execution has not failed.
    assert.ok(all('graphql', 'execute-end').some(([, , , name, errors]) => name === '' && errors === 1));
    const resolved = whole('graphql', 'resolve', ([, field]) => field === 'item');
    assert.deepEqual(resolved.args, ['Query', 'item', 'Item', 'item']);
    const broken = all('graphql', 'resolve-error').find(([, , , , field]) => field === 'broken')!;
    assert.equal(broken[2], 'Error: out of order');
    assert.equal(all('graphql', 'subscribe-start').length, 0);
  });

  test("undici from npm: the probes are those of Node's fetch", () => {
    assert.ok(all('node', 'undici-request-create').some(([, , , path]) => path === '/items/7'));
    const [connection, origin, asked] = all('node', 'undici-proxy-connected')[0]!;
    assert.ok(Number(connection) > 0);
    assert.match(String(origin), /^http:\/\/127\.0\.0\.1:\d+/);
    assert.match(String(asked), /^127\.0\.0\.1:\d+$/);
  });
});
