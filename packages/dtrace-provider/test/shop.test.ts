/**
 * bunyan, restify and restify-clients from npm, none of which knows of libusdt, installed with the override that the
 * README names, run, and traced. (restify 11 is the newest that takes Node 20.)
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { without } from '../../../test/support/needs.ts';
import { interrupt, kill, startNode } from '../../../test/support/processes.ts';
import { installProject, lockedPackages, npm } from '../../../test/support/projects.ts';
import { jsonLines, usdt } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';

const folder = temporaryFolder();
const { absent, installed } = await installProject('shop', folder);

describe('bunyan and restify with the override', { skip: absent }, () => {
  let program: ChildProcess;
  let pid: string;
  let events: Record<string, unknown>[];
  const logged: string[] = [];

  before(() => {
    program = startNode(join(folder, 'cache'), [join(folder, 'service.cjs')]);
    createInterface({ input: program.stdout! }).on('line', (line) => logged.push(line));
    pid = String(program.pid);
    const pattern = ['bunyan:*', 'restify:*'];
    const options = ['--pid', pid, '--wait', '--json', '--quiet', '--count', '120'];
    const { stdout, stderr } = usdt(folder, 'trace', ...pattern, ...options);
    events = jsonLines(stdout);
    assert.equal(events.length, 120, stderr);
  });
  after(() => kill(program, 'SIGKILL'));

  const argsOf = (probe: string): unknown[] => {
    const event = events.find((event) => event.probe === probe);
    assert.ok(event, `${probe} in ${[...new Set(events.map((event) => event.probe))]}`);
    return event.args as unknown[];
  };

  test('npm has nothing to say about it, and ran no script', async () => {
    assert.match(installed.stdout, /added \d+ packages/);
    // Packages that are deprecated are their authors' concern.
    const warnings = installed.stderr.split('\n').filter((line) => !/^$|^npm warn deprecated/.test(line));
    assert.deepEqual(warnings, []);
    const scripts = lockedPackages(folder).filter(([, entry]) => entry.hasInstallScript);
    assert.deepEqual(scripts, []);
    const { status, stderr } = await npm(folder, 'ls', '--all');
    assert.equal(status, 0, stderr);
  });

  test('every copy of dtrace-provider is the drop-in', () => {
    const copies = lockedPackages(folder).filter(([place]) => place.endsWith('/dtrace-provider'));
    assert.deepEqual(
      copies.map(([place, { name }]) => [place, name]),
      [['node_modules/dtrace-provider', '@libusdt/dtrace-provider']],
    );
  });

  test('log records, also of levels that the log leaves out', () => {
    const [info] = argsOf('log-info') as [string];
    const record = JSON.parse(info) as Record<string, unknown>;
    assert.equal(record.name, 'shop');
    assert.equal(record.pid, program.pid);
    assert.equal(record.msg, 'read');
    assert.match(String(record.item), /^\d+$/);
    const [debug] = argsOf('log-debug') as [string];
    assert.equal((JSON.parse(debug) as { level: number }).level, 20);
  });

  test('a traced record is the logged one, byte for byte', async () => {
    const infos = events.filter((event) => event.probe === 'log-info');
    const traced = new Set(infos.map((event) => (event.args as [string])[0].trimEnd()));
    await until(() => logged.some((line) => traced.has(line)), 'a logged line that was traced');
  });

  test('routes and handlers of the server', () => {
    const [server, route, id, method, url, headers] = argsOf('route-start');
    assert.deepEqual([server, route, method], ['shop', 'getitemsid', 'GET']);
    assert.match(String(url), /^\/items\/\d+$/);
    assert.match((JSON.parse(headers as string) as Record<string, string>)['user-agent']!, /^restify/);
    const done = events.find((event) => event.probe === 'route-done' && (event.args as unknown[])[2] === id);
    assert.deepEqual((done!.args as unknown[]).slice(0, 4), ['shop', 'getitemsid', id, 200]);
    const [, , handler, handlerId] = argsOf('handler-start');
    assert.equal(handler, 'readItem');
    assert.equal(typeof handlerId, 'number');
    assert.equal(argsOf('handler-done')[2], 'readItem');
  });

  test('requests, answers and errors of the client', () => {
    const [method, url, headers, id] = argsOf('client-request');
    assert.equal(method, 'GET');
    assert.match(String(url), /^\//);
    assert.ok(JSON.parse(headers as string));
    assert.equal(typeof id, 'number');
    const [, status] = argsOf('client-response');
    assert.equal(status, 200);
    const [errorId, error] = argsOf('client-error');
    // Declared as 'id', which is no type: a string.
    assert.match(errorId as string, /^\d+$/);
    assert.match(String(error), /ECONNREFUSED/);
  });

  test('names with dashes are found either way', () => {
    for (const pattern of ['restify:handler-*', 'restify:handler__*']) {
      const { stdout } = usdt(folder, 'list', pattern, '-p', pid, '--json');
      assert.match(stdout, /"handler-start"/);
      assert.match(stdout, /"handler-done"/);
    }
  });

  test('usdt | bunyan prints what bunyan -p prints', { skip: without('jq') }, () => {
    const { stdout } = usdt(folder, 'trace', 'bunyan:log-*', '-p', pid, '--quiet', '--json', '-n', '20');
    const filter = ['--unbuffered', '-r', '.args[0] | rtrimstr("\n")'];
    const records = spawnSync('jq', filter, { input: stdout, encoding: 'utf8' }).stdout;
    const bunyan = join(folder, 'node_modules/.bin/bunyan');
    const shown = spawnSync(bunyan, { input: records, encoding: 'utf8' }).stdout;
    assert.match(shown, / INFO: shop\/\d+ on \S+: read \(item=\d+\)$/m);
    assert.match(shown, /DEBUG: shop\/\d+ .*: too fine for the log/);

    // bunyan -p runs `dtrace` and prints what that prints. This one has the same records; the rest is bunyan's.
    const tools = join(folder, 'tools');
    fs.mkdirSync(tools);
    fs.writeFileSync(join(tools, 'records'), records);
    const dtrace = `#!/bin/sh\nprintf '%s\\n' "$@" >${tools}/asked\ncat ${tools}/records\n`;
    fs.writeFileSync(join(tools, 'dtrace'), dtrace, { mode: 0o755 });
    const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
    const theirs = spawnSync(bunyan, ['-p', pid], { encoding: 'utf8', env });
    assert.equal(shown, theirs.stdout, theirs.stderr);
    assert.match(
      fs.readFileSync(join(tools, 'asked'), 'utf8'),
      new RegExp(`^bunyan${pid}:::log-\\*\\{`, 'm'),
    );
  });

  test('bpftrace lists and reads them too', { skip: without('bpftrace') }, async (t) => {
    const listed = spawnSync('bpftrace', ['-l', 'usdt:*:restify:*', '-p', pid], { encoding: 'utf8' });
    assert.match(listed.stdout, /:restify:route__start$/m);

    const formats = {
      'bunyan:log__info': ['%s', 'str(arg0)'],
      'restify:route__start': ['%s %s %d %s %s', 'str(arg0), str(arg1), arg2, str(arg3), str(arg4)'],
      'restify:route__done': ['%s %s %d %d', 'str(arg0), str(arg1), arg2, arg3'],
      'restify:handler__start': ['%s %s %d', 'str(arg0), str(arg2), arg3'],
      'restify:handler__done': ['%s %s %d', 'str(arg0), str(arg2), arg3'],
      'restify:client__request': ['%s %s %d', 'str(arg0), str(arg1), arg3'],
      'restify:client__response': ['%d %d', 'arg0, arg1'],
      'restify:client__error': ['%s %s', 'str(arg0), str(arg1)'],
    };
    // By file: with -p, bpftrace 0.17 takes the place of client-request in restify's file from restify-clients' file.
    const script = Object.entries(formats)
      .map(
        ([probe, [format, args]]) =>
          `usdt:${folder}/cache/*:${probe} { printf("${probe} ${format}\\n", ${args}); }`,
      )
      .join('\n');
    const tracer = spawn('bpftrace', ['-q', '-B', 'line', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => kill(tracer, 'SIGKILL'));
    const lines: string[] = [];
    createInterface({ input: tracer.stdout }).on('line', (line) => lines.push(line));
    const first = (probe: string) => lines.find((line) => line.startsWith(`${probe} `));
    await until(() => Object.keys(formats).every(first), 'an event of each probe');
    await interrupt(tracer);

    for (const [probe, text] of [
      ['bunyan:log__info', /^\{"name":"shop","hostname":"/],
      ['restify:route__start', /^shop getitemsid \d+ GET \/items\/\d+$/],
      ['restify:route__done', /^shop getitemsid \d+ 200$/],
      ['restify:handler__start', /^shop readItem \d+$/],
      ['restify:handler__done', /^shop readItem \d+$/],
      ['restify:client__request', /^GET \/\S* \d+$/],
      ['restify:client__response', /^\d+ 200$/],
      ['restify:client__error', /^\d+ .*ECONNREFUSED/],
    ] as const) {
      assert.match(first(probe)!.slice(probe.length + 1), text);
    }
  });
});
