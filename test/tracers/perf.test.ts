/** perf takes the file into its cache, makes events of the probes, and reads up to 12 arguments. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folders.ts';
import { run, Started, startProgram, withoutTracers } from '../support/tracers.ts';
import { PATIENCE } from '../support/wait.ts';

const skip = withoutTracers('perf');

test('perf: buildid-cache, probe, record, script', { skip, timeout: PATIENCE }, async (t) => {
  // perf's events are seen by the whole machine.
  const provider = `perf${process.pid}_`;
  const program = startProgram(t, 'arguments.mjs', '^count', provider);
  const { file } = await program.next<{ file: string }>();
  const folder = temporaryFolder();
  const perf = (...args: string[]) => run('perf', '--buildid-dir', folder, ...args);
  const names = Array.from({ length: 13 }, (_, count) => `sdt_${provider}:count__${count}`);

  perf('buildid-cache', '--add', file);
  const listed: string[] = perf('list', `sdt_${provider}:*`).match(/sdt_\S+/g) ?? [];
  for (const name of names) assert.ok(listed.includes(name), `${name} is not in ${listed}`);

  t.after(() => run('perf', '--buildid-dir', folder, 'probe', '--quiet', '--del', `sdt_${provider}:*`));
  for (const name of names) perf('probe', '--quiet', name);
  const data = join(folder, 'perf.data');
  // It starts disabled, and says so when told to enable the events.
  const flags = ['--buildid-dir', folder, 'record', '-o', data, '-D', '-1', '--control', 'fd:0,1', '-a'];
  const recorder = new Started(t, 'perf', ...flags, ...names.flatMap((name) => ['-e', name]));
  recorder.say('enable');
  await recorder.until((lines) => lines.includes('ack'), 'the attachment');
  program.say('go');
  const { fired } = await program.next<{ fired: string[] }>();
  await recorder.stop();
  assert.deepEqual(await program.next(), { enabled: false });

  const events = [...perf('script', '-i', data).matchAll(/:(count__\d+): \(\w+\)(.*)/g)].map(
    ([, name, fields]) => [name, ...(fields!.match(/(?<==)\d+/g) ?? [])].join(' '),
  );
  assert.equal(fired.length, 13);
  assert.deepEqual(events, fired);
});
