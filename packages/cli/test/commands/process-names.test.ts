/** A process is shown by its program's name, whatever the program calls its main thread. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp } from '../../../../test/support/programs.ts';
import { findRuntime } from '../../../../test/support/runtimes.ts';
import { jsonLines, usdt, withoutTracing } from '../../../../test/support/usdt.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
const SHOP = fileURLToPath(new URL('../fixtures/shop.mjs', import.meta.url));
/** Fires a few times and is gone. */
const SHORT = `import { createProvider } from ${JSON.stringify(import.meta.resolve('libusdt'))};
const provider = createProvider('brief', { probes: { hit: ['int32_t'] } });
provider.enable();
for (let i = 0; i < 3; i++) provider.probes.hit.fire(i);`;

for (const [name, thread] of [
  ['node20', 'node'],
  ['node24', 'MainThread'],
  ['node26', 'node-MainThread'],
] as const) {
  const runtime = skip ? '' : findRuntime(name);
  test(`${name} is node`, { skip: skip || (typeof runtime === 'string' ? runtime : false) }, async () => {
    if (typeof runtime === 'string') return;
    const [node, ...args] = runtime.command;
    const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache') };
    const child: ChildProcess = spawn(node, [...args, SHOP], { env, stdio: 'ignore' });
    const run = (...words: readonly string[]) => usdt(folder, ...words, '--wait', '-p', String(child.pid));
    try {
      const where = ['shop-app:*', '--where', 'comm == "node"', '-n', '2', '-d', '20'];
      const events = jsonLines(run('trace', '--json', ...where).stdout);
      assert.equal(events.length, 2);
      for (const { comm, thread: own } of events) assert.deepEqual([comm, own], ['node', thread]);
      assert.match(run('trace', ...where).stdout, new RegExp(`^\\S+ {2}node ${child.pid} +shop-app:`));
      const none = run('trace', 'shop-app:*', '--where', 'comm != "node"', '-d', '0.5');
      assert.match(none.stderr, /0 events, 0 lost/);
      const stat = run('stat', '--json', 'shop-app:*', '--by', 'comm', '-d', '1', '-i', '10');
      assert.match(stat.stdout, /"node"/);
      assert.doesNotMatch(stat.stdout, /MainThread/);
      assert.match(
        run('stat', '--json', 'shop-app:*', '--by', 'thread', '-d', '1').stdout,
        new RegExp(`"${thread}"`),
      );
    } finally {
      kill(child);
    }
    const short = join(folder, 'short.mjs');
    fs.writeFileSync(short, SHORT);
    // The first run makes the image, so that the second is seen from its first event.
    for (const round of ['first', 'second']) {
      const { stdout } = usdt(folder, 'trace', '--json', 'brief:*', '--', node, ...args, short);
      if (round === 'first') continue;
      const brief = jsonLines(stdout);
      assert.equal(brief.length, 3);
      for (const { comm } of brief)
        assert.equal(comm, 'node', 'also when it is gone before it can be looked at');
    }
  });
}

test('a main thread with the name of its role: the file tells the program; else the name that it has', {
  skip,
}, () => {
  const program = webapp(folder, 'server');
  for (const [called, comm] of [
    ['node-MainThread', 'server'],
    ['CrBrowserMain', 'server'],
    ['main', 'server'],
    ['domain', 'domain'],
    ['my-title', 'my-title'],
  ] as const) {
    fs.symlinkSync(program, join(folder, called));
    const child = spawn(join(folder, called), ['1000', '10000']);
    try {
      const { stdout } = usdt(folder, 'trace', '--json', 'webapp:where', '-n', '1', '-p', String(child.pid));
      const [event] = jsonLines(stdout);
      assert.deepEqual([event!.comm, event!.thread], [comm, called]);
    } finally {
      kill(child);
    }
  }
});
