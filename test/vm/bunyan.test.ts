/**
 * bunyan from npm with the drop-in, under real DTrace in a virtual machine (vm.sh): what `bunyan -p` asks DTrace
 * for is there. One boot; what was seen in it is in bunyan/guest.mjs. Run by `npm run test:vm`.
 */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { installProject } from '../support/projects.ts';
import { boot, jobFolder, PATIENCE, withoutMachine } from './machine.ts';

interface Printed {
  readonly lines: readonly string[];
  readonly err: string;
}
interface Seen {
  readonly pid: number;
  readonly listed: readonly (readonly string[])[];
  readonly records: Printed;
  readonly shown: Printed;
  readonly logged: string;
}

const job = jobFolder();
const missing = withoutMachine();
const skip = missing || (await installProject('shop', join(job, 'shop'))).absent;

describe('bunyan under DTrace', { skip, timeout: PATIENCE }, () => {
  let seen: Seen;

  before(async () => {
    for (const name of ['guest.mjs', 'logs.cjs'])
      copyFileSync(fileURLToPath(new URL(`bunyan/${name}`, import.meta.url)), join(job, name));
    seen = JSON.parse(await boot(job, 'node guest.mjs')) as Seen;
  });

  test('dtrace lists a probe for each level', () => {
    const names = seen.listed.map(([provider, , , name]) => `${provider}:${name}`);
    const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
    assert.deepEqual(names.sort(), levels.map((level) => `bunyan${seen.pid}:log-${level}`).sort());
  });

  test("what bunyan -p's clause prints are the records that the log leaves out", () => {
    const records = seen.records.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const { name, pid } of records) assert.deepEqual([name, pid], ['shop', seen.pid]);
    const messages = new Set(records.map(({ level, msg }) => `${level} ${msg}`));
    assert.deepEqual([...messages].sort(), ['20 too fine', '30 read'], seen.records.err);
    assert.equal(seen.logged.trim().split('\n').length, 1, seen.logged);
  });

  test('bunyan formats them', () => {
    const text = seen.shown.lines.join('\n');
    assert.match(text, / {2}INFO shop: read \(item=\d+\)$/m, seen.shown.err);
    assert.match(text, / DEBUG shop: too fine \(stock=\d+\)$/m);
  });
});
