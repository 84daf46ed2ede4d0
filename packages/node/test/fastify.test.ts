/** fastify from npm, which publishes to diagnostics_channel by itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { jsonLines, temporaryFolder, usdt, withoutTracing } from '../../cli/test/support.ts';
import { argsOf, type Event, fixture, startProgram } from './support.ts';

const FASTIFY = 'fastify@5.6.1';
const folder = temporaryFolder();
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

function withoutFastify(): string | false {
  const reason = withoutTracing();
  if (reason) return reason;
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', FASTIFY];
  const { status, stderr } = spawnSync('npm', ['--prefix', folder, ...install], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  if (status === 0) return false;
  if (process.env.CI === 'true') throw new Error(stderr);
  return `npm can't install ${FASTIFY} here`;
}

describe('fastify', { skip: withoutFastify() }, () => {
  test('each call of a handler, with its route, the time it took, and what it throws', () => {
    const program = startProgram(join(folder, 'cache'), [
      fixture('fastify.mjs'),
      String(pathToFileURL(join(folder, 'node_modules/fastify/fastify.js'))),
      ...['@libusdt/node/bridge', 'libusdt'].map((name) => import.meta.resolve(name)),
    ]);
    const options = ['--pid', program.pid, '--wait', '--json', '--quiet', '--count', '40'];
    const { stdout, stderr } = usdt(folder, 'trace', 'fastify:*', ...options);
    program.child.kill('SIGKILL');
    const events = jsonLines(stdout) as unknown as Event[];
    assert.equal(events.length, 40, stderr);

    const [id, request, ...route] = argsOf(events, 'handler-start').find((args) => args[3] === '/items/:id')!;
    assert.deepEqual(route, ['GET', '/items/:id', 200]);
    assert.match(String(request), /^req-/);
    const settled = argsOf(events, 'handler-async-start').find((args) => args[0] === id)!;
    assert.ok(Number(settled[1]) > 2e6);
    const broken = argsOf(events, 'handler-error')[0]!;
    assert.deepEqual([broken[2], broken[5]], ['Error: out of order', '/broken']);
  });
});
