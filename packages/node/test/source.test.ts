/** A provider of sources: what one writes for a source, and when it is started. */

import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import * as fs from 'node:fs';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { kill } from '../../../test/support/processes.ts';
import { jsonLines, usdt, withoutTracing } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';
import { defineSource, provide } from '../src/source.ts';
import { SOURCES } from '../src/sources/index.ts';
import { SOURCES as TOYS } from './fixtures/toy/index.ts';
import { argsOf, type Event, findNode, fixture, PACKAGE, startProgram } from './support.ts';

const folder = temporaryFolder();
process.env.LIBUSDT_DIR = folder;

describe('a provider of sources', () => {
  test('has the probes of all, in the order of the list', () => {
    const provider = provide('toys', TOYS);
    assert.deepEqual(Object.keys(provider.probes), [
      'toy-turn',
      'toy-play-start',
      'toy-play-end',
      'toy-play-async-start',
      'toy-play-async-end',
      'toy-play-error',
    ]);
    assert.deepEqual(provider.probes['toy-turn'].args, ['int', 'char *']);
    assert.deepEqual(provider.probes['toy-play-error'].args, ['uint64_t', 'uint64_t', 'char *', 'char *']);
    assert.equal(channel('toy.turn').hasSubscribers, false);
    provider.free();
  });

  test('refuses a probe that two sources have', () => {
    const again = defineSource({ shapes: { 'toy-turn': [] }, start: () => assert.fail('not started') });
    assert.throws(() => provide('toys', [...TOYS, again]), {
      code: 'USDT_DUPLICATE_PROBE',
      message: /toy-turn/,
    });
  });

  test('starts a source once, when its probes are visible', { skip: process.platform !== 'linux' }, () => {
    const published = () =>
      fs.readdirSync(folder).filter((file) => file.startsWith('libusdt-started-')).length;
    const started: [probe: string, files: number][] = [];
    const source = defineSource({
      shapes: { p: ['int'] },
      start: (probes) => void started.push([probes.p.name, published()]),
    });
    provide('started', [source]).free();
    assert.deepEqual(started, [['p', 1]]);
  });

  test('does not start a source where nothing can be traced', () => {
    const file = fixture('toy/main.ts');
    const program = startProgram(folder, ['--no-addons', '--import', 'tsx', file]);
    return until(() => program.lines.length > 0, 'the program')
      .then(() => assert.deepEqual(program.lines, ['unavailable false false']))
      .finally(() => kill(program.child, 'SIGKILL'));
  });
});

test('Node’s sources begin with the probes of old, in the order that they had', () => {
  const probes = SOURCES.flatMap(({ shapes }) => Object.keys(shapes));
  assert.deepEqual(probes.slice(0, 8), [
    'http-server-request',
    'http-server-response',
    'http-client-request',
    'http-client-response',
    'net-server-connection',
    'net-stream-end',
    'gc-start',
    'gc-done',
  ]);
  assert.equal(new Set(probes).size, probes.length);
});

test('a traced source: its file, and its line in a list', { skip: withoutTracing() }, async (context) => {
  const program = startProgram(folder, ['--import', 'tsx', fixture('toy/main.ts')]);
  context.after(() => kill(program.child, 'SIGKILL'));
  await until(() => program.lines.length > 0, 'the program');
  const options = ['--pid', program.pid, '--wait', '--json', '--quiet', '--count', '300'];
  const { stdout, stderr } = usdt(folder, 'trace', 'toy:*', ...options);
  const events = jsonLines(stdout) as unknown as Event[];
  assert.equal(events.length, 300, stderr);
  const [first, second] = argsOf(events, 'toy-turn') as [number, string][];
  assert.deepEqual(second, [first![0] + 1, 'left']);
  // Of the first, an end may be missing, and of the last: probes are attached one after the other.
  const [id, game] = argsOf(events, 'toy-play-start').at(-2)!;
  assert.equal(game, 'chess');
  const end = argsOf(events, 'toy-play-end').find(([each]) => each === id)!;
  assert.ok(Number(end[1]) > 0);
  assert.equal(end[2], 'chess');
  const none = 'active false false';
  const { lines } = program;
  await until(() => lines.includes('active true true') && lines.at(-1) === none, 'the end of subscription');
  assert.equal(lines[0], none);
});

const newer = findNode(22);

test('a tracer that was there before the program misses no module', {
  skip: newer.skip || withoutTracing(),
}, () => {
  const program = `${newer.runtime} --import ${new URL('dist/index.js', PACKAGE)} --eval "import('node:assert')"`;
  const trace = () => usdt(folder, 'trace', 'node:module-import-start', '--json', '--quiet', '-c', program);
  // The first one makes the file that the second attaches to.
  trace();
  const { stdout, stderr } = trace();
  const modules = (jsonLines(stdout) as unknown as Event[]).map(({ args }) => args[1]);
  assert.deepEqual(modules, ['node:assert'], stderr);
});
