/** What tracers see of a program that knows nothing of it, with each Node: all that this Node tells. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { kill } from '../../../test/support/processes.ts';
import { withoutTracing } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';
import {
  argsOf,
  type Event,
  findNode,
  fixture,
  IMPORT,
  PACKAGE,
  type Program,
  startProgram,
  traceUntil,
} from './support.ts';

const folder = temporaryFolder();

/** Probes that fire, and since which Node. */
const SOUGHT: Readonly<Record<20 | 22 | 24 | 26, readonly string[]>> = {
  20: words(`
    http-server-request http-server-response http-client-request http-client-response http-client-error
    net-server-connection net-client-socket net-stream-end net-server-listen-start net-server-listen-done
    net-server-listen-error udp-socket gc-start gc-done dns-done event-loop-delay child-start child-exit
    worker-start worker-exit process-warning undici-request-create undici-request-body-sent
    undici-request-headers undici-request-trailers undici-request-error undici-client-before-connect
    undici-client-connected undici-client-connect-error undici-client-send-headers`),
  22: words(`
    http-client-request-created http-server-response-created
    http2-client-stream-created http2-client-stream-start http2-client-stream-finish http2-client-stream-close
    http2-client-stream-body-chunk-sent http2-client-stream-body-sent
    http2-server-stream-created http2-server-stream-start http2-server-stream-finish http2-server-stream-close
    http2-client-stream-error http2-server-stream-error
    console-log console-info console-debug console-warn console-error
    module-require-start module-require-end module-require-error
    module-import-start module-import-end module-import-async-start module-import-async-end module-import-error
    undici-websocket-open undici-websocket-close undici-websocket-ping undici-websocket-pong
    undici-websocket-socket-error`),
  24: words(`
    child-spawn-start child-spawn-end child-spawn-error
    undici-request-body-chunk-sent undici-request-body-chunk-received
    lock-request-start lock-request-grant lock-request-miss lock-request-end`),
  26: ['sqlite-query'],
};

type Args = readonly unknown[];

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

for (const major of [20, 22, 24, 26] as const) {
  const { runtime, skip } = findNode(major);

  describe(`Node ${major}`, { skip: skip || withoutTracing() }, () => {
    let program: Program;
    let port: number;
    let events: Event[];
    const all = (probe: string) => argsOf(events, probe);
    /** Two events that belong together. The first ones may not: probes are attached one after the other. */
    const pair = (
      first: string,
      second: string,
      belong: (one: Args, other: Args) => boolean,
    ): [Args, Args] => {
      for (const one of all(first))
        for (const other of all(second)) if (belong(one, other)) return [one, other];
      return assert.fail(`no ${first} that belongs to a ${second}`);
    };
    const since = (version: number) => ({ skip: major < version && `since Node ${version}` });

    before(async () => {
      const file = fixture(major < 22 ? 'traffic.mjs' : 'newer.mjs');
      program = startProgram(folder, ['--expose-gc', ...IMPORT, file], { cwd: PACKAGE, runtime });
      await until(() => program.lines.length > 0, 'the port');
      port = Number(program.lines[0]);
      const sought = Object.entries(SOUGHT).flatMap(([version, probes]) =>
        Number(version) <= major ? probes : [],
      );
      events = traceUntil(folder, program, sought);
    });
    after(() => kill(program.child, 'SIGKILL'));

    test('each event has the values that its types announce', () => {
      for (const { probe, args } of events)
        for (const value of args) assert.notEqual(value, null, `${probe} ${JSON.stringify(args)}`);
    });

    test('http-server-request has its arguments at the old positions', () => {
      const hello = all('http-server-request').find((args) => args[5] === '/hello?n=1')!;
      const [request, connection, remote, from, method, , fd, forwarded] = hello;
      assert.deepEqual([remote, method, forwarded], ['127.0.0.1', 'GET', '10.1.2.3']);
      assert.ok(Number(from) > 1024 && from !== port);
      assert.ok(Number(fd) > 2);
      assert.ok(Number(request) > 0 && Number(connection) > 0);
    });

    test('http-server-response belongs to a request and its connection', () => {
      const [request, response] = pair(
        'http-server-request',
        'http-server-response',
        (asked, answered) => asked[5] === '/missing' && answered[4] === asked[0],
      );
      assert.deepEqual(response, [request[1], '127.0.0.1', request[3], request[6], request[0], 404]);
    });

    test('http-client-request and -response', () => {
      const [request, response] = pair(
        'http-client-request',
        'http-client-response',
        (asked, answered) => asked[5] === '/missing' && answered[4] === asked[0],
      );
      assert.deepEqual(request.slice(2, 6), ['127.0.0.1', port, 'POST', '/missing']);
      assert.deepEqual(response.slice(0, 3), [request[1], '127.0.0.1', port]);
      assert.equal(response[5], 404);
      assert.match(String(all('http-client-error')[0]![1]), /ECONNREFUSED/);
    });

    test('connections', () => {
      const [[connection, remote]] = all('net-server-connection') as [[number, string]];
      assert.ok(connection > 0);
      assert.equal(remote, '127.0.0.1');
      assert.equal(all('net-stream-end')[0]![1], '127.0.0.1');
      assert.equal(all('udp-socket')[0]![1], 'udp4');
    });

    test('garbage collection: start and done come together, with the time it took', () => {
      const starts = all('gc-start');
      assert.deepEqual(starts.slice(0, 3), all('gc-done').slice(0, 3));
      // gc() is a major collection: 4.
      const [, , thread, at, duration] = starts.find(([type]) => type === 4)!;
      assert.equal(thread, 0);
      const now = Number(process.hrtime.bigint());
      assert.ok(Number(at) < now && Number(at) > now - 600e9);
      assert.ok(Number(duration) > 0);
    });

    test('DNS, and the delay of the event loop', () => {
      const [name, host, , duration] = all('dns-done')[0]!;
      assert.deepEqual([name, host], ['lookup', 'localhost']);
      assert.ok(Number(duration) > 0);
      const [least, mean, half, most99, most, samples] = all('event-loop-delay')[0] as number[];
      assert.ok(least! <= half! && half! <= most99! && most99! <= most!);
      assert.ok(mean! >= least! && mean! <= most!);
      assert.ok(samples! > 0);
    });

    test('children and workers', () => {
      const [[, file, values], exit] = pair('child-start', 'child-exit', ([one], [other]) => one === other);
      assert.equal(file, runtime);
      assert.deepEqual(JSON.parse(values as string), [runtime, '--version']);
      assert.deepEqual(exit.slice(1), [0, '']);
      const [, ended] = pair('worker-start', 'worker-exit', ([one], [other]) => one === other);
      assert.equal(ended[1], 3);
    });

    test('warnings', () => assert.deepEqual(all('process-warning')[0], ['TestWarning', 'TEST1', 'careful']));

    test('fetch', () => {
      const [, headers] = pair(
        'undici-request-create',
        'undici-request-headers',
        ([id, method], [of]) => id === of && method === 'PUT',
      );
      assert.deepEqual(headers.slice(1), [200, 'OK']);
      assert.match(String(all('undici-request-error')[0]![1]), /ECONNREFUSED/);
      assert.equal(all('undici-client-connect-error')[0]![1], 65533);
    });

    test('servers that listen, and that can not', () => {
      const [[, host, asked], done] = pair(
        'net-server-listen-start',
        'net-server-listen-done',
        ([one], [other]) => one === other,
      );
      assert.deepEqual([host, asked], ['127.0.0.1', 0]);
      const [, address, given, duration] = done;
      assert.equal(address, '127.0.0.1');
      assert.ok(Number(given) > 1024);
      assert.ok(Number(duration) > 0);
      const [[, , taken], [, error, failed]] = pair(
        'net-server-listen-start',
        'net-server-listen-error',
        ([one], [other]) => one === other,
      );
      assert.equal(taken, port);
      assert.match(String(error), /EADDRINUSE/);
      assert.ok(Number(failed) > 0);
    });

    test('what fetch sends', () => {
      const [, [, headers, connection]] = pair(
        'undici-request-create',
        'undici-client-send-headers',
        ([id, method], [of]) => id === of && method === 'PUT',
      );
      assert.match(String(headers), /^PUT \/fetched [\s\S]*^content-type: text\/plain/m);
      assert.ok(Number(connection) > 0);
    });

    test('bytes that fetch sends and gets', since(24), () => {
      const [sent, received] = pair(
        'undici-request-body-chunk-sent',
        'undici-request-body-chunk-received',
        ([one], [other]) => one === other,
      );
      assert.deepEqual([sent[1], received[1]], ['text'.length, 'answer'.length]);
    });

    test('http: as it is made', since(22), () => {
      const [[, ...made]] = pair(
        'http-client-request-created',
        'http-client-request',
        (created, sent) => created[0] === sent[0] && created[4] === '/missing',
      );
      assert.deepEqual(made, ['127.0.0.1', port, 'POST', '/missing']);
      const [[, method]] = pair(
        'http-server-response-created',
        'http-server-request',
        (created, asked) => created[0] === asked[1] && created[2] === '/missing',
      );
      assert.equal(method, 'POST');
    });

    test('http2', since(22), () => {
      for (const side of ['client', 'server']) {
        for (const event of ['created', 'start']) {
          const [stream, session, method, path] = all(`http2-${side}-stream-${event}`)[0]!;
          assert.ok(Number(stream) >= 0 && Number(session) > 0);
          assert.deepEqual([method, path], ['POST', '/streams']);
        }
      }
      assert.equal(all('http2-client-stream-finish')[0]![2], 201);
      assert.equal(all('http2-server-stream-finish')[0]![2], 201);
      assert.equal(all('http2-server-stream-close').find(([, , code]) => code === 0)![2], 0);
      const [[, , bytes]] = pair(
        'http2-client-stream-body-chunk-sent',
        'http2-client-stream-body-sent',
        ([stream, session], [of, within]) => stream === of && session === within,
      );
      assert.equal(bytes, Buffer.byteLength('zwölf bytes'));
      assert.match(String(all('http2-client-stream-error')[0]![2]), /ERR_HTTP2_STREAM_ERROR/);
      assert.match(String(all('http2-server-stream-error')[0]![2]), /out of order/);
    });

    test('console', since(22), () => {
      assert.match(String(all('console-log')[0]), /^number \d+$/);
      assert.match(String(all('console-warn')[0]), /^{ number: \d+ }$/);
      for (const level of ['info', 'debug', 'error'])
        assert.ok(all(`console-${level}`).some(([text]) => text === level));
    });

    test('modules', since(22), () => {
      const [, [, , url, parent]] = pair(
        'module-import-start',
        'module-import-async-end',
        ([one], [other, , what]) => one === other && /^data:/.test(String(what)),
      );
      assert.match(String(url), /^data:/);
      assert.match(String(parent), /newer\.mjs$/);
      assert.match(String(all('module-require-error')[0]![2]), /Cannot find module/);
      assert.match(String(all('module-import-error')[0]![2]), /Cannot find module/);
    });

    test('WebSocket', since(22), () => {
      const [websocket, address, local, protocol] = all('undici-websocket-open')[0]!;
      assert.deepEqual([address, protocol], ['127.0.0.1', 'chat']);
      assert.ok(Number(local) > 1024);
      const [, code, reason] = all('undici-websocket-close').find((args) => args[1] === 4001)!;
      assert.deepEqual([code, reason], [4001, 'done']);
      const [ping, pong] = pair(
        'undici-websocket-ping',
        'undici-websocket-pong',
        ([one], [other]) => one === other,
      );
      assert.deepEqual([ping[1], pong[1]], ['ping'.length, 'po'.length]);
      assert.equal(Number(websocket) > 0, major >= 24);
      if (major >= 24)
        pair('undici-websocket-open', 'undici-websocket-close', ([one], [other]) => one === other);
      assert.match(String(all('undici-websocket-socket-error')[0]), /ECONNRESET/);
    });

    test('the calls that start children', since(24), () => {
      const [[, file, values], end] = pair(
        'child-spawn-start',
        'child-spawn-end',
        ([one, started], [other]) => one === other && started === runtime,
      );
      assert.deepEqual(JSON.parse(values as string), [runtime, '--version']);
      assert.ok(Number(end[1]) > 0);
      assert.equal(end[2], file);
      const [, [, duration, error, missing]] = pair(
        'child-spawn-start',
        'child-spawn-error',
        ([one], [other]) => one === other,
      );
      assert.match(String(error), /ENOENT/);
      assert.equal(missing, '/no/such/program');
      assert.ok(Number(duration) > 0);
    });

    test('locks', since(24), () => {
      assert.deepEqual(all('lock-request-start')[0]!.length, 2);
      assert.ok(all('lock-request-grant').some(([name, mode]) => name === 'shop' && mode === 'exclusive'));
      assert.deepEqual(all('lock-request-miss')[0], ['shop', 'exclusive']);
      const ends = all('lock-request-end');
      assert.ok(ends.some(([name, , error]) => name === 'shop' && error === ''));
      assert.deepEqual(
        ends.find(([name]) => name === 'broken'),
        ['broken', 'shared', 'Error: no stock'],
      );
    });

    test('SQLite', since(26), () => {
      const [database, statement, duration] = all('sqlite-query')[0]!;
      assert.ok(Number(database) > 0);
      // SQLite puts the bound values in.
      assert.equal(statement, "select 'forty-one'");
      assert.ok(Number(duration) >= 0);
    });
  });
}
