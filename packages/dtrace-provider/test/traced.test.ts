/** The contract of dtrace-provider 0.8 while somebody traces, read by the project's own tracer and by bpftrace. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { without } from '../../../test/support/needs.ts';
import { kill, startNode } from '../../../test/support/processes.ts';
import { jsonLines, usdt, withoutTracing } from '../../../test/support/usdt.ts';

const FIRES = fileURLToPath(new URL('./fixtures/fires.cjs', import.meta.url));

describe('while somebody traces', { skip: withoutTracing() }, () => {
  const folder = temporaryFolder();
  let program: ChildProcess;
  let events: Record<string, unknown>[];

  before(() => {
    program = startNode(folder, [FIRES]);
    const pid = String(program.pid);
    const { stdout, stderr } = usdt(
      folder,
      ...['trace', 'nodeapp:*', '--pid', pid, '--wait', '--json', '--quiet', '--count', '50'],
    );
    events = jsonLines(stdout);
    assert.equal(events.length, 50, stderr);
  });
  after(() => {
    kill(program, 'SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const argsOf = (probe: string) => events.find((event) => event.probe === probe)?.args as unknown[];
  const isSilent = (probe: string) => !events.some((event) => event.probe === probe);

  test('types go by how they begin', () => {
    assert.deepEqual(argsOf('values'), [-1, 2 ** 40, 'text', 'null', '{"a":[1]}', '"text"', '1.5', 'true']);
  });

  test('int: towards zero; beyond 64 bits, the nearest that there is', () => {
    const [most, least] = ['9223372036854775807', '-9223372036854775808'];
    assert.deepEqual(argsOf('ints'), [1, -1, 0, most, least, most, 0, -7, 0, 5, 6, 8]);
  });

  test('char *: what String() makes of it, in UTF-8, to the first NUL', () => {
    assert.deepEqual(argsOf('texts'), [
      ...['null', '1.5', '[object Object]', '1,2', 'bytes', 'Zoë 😀', 'before', 'Invalid Date'],
    ]);
  });

  test('a name that is taken: the first fires on, the second is silent', () => {
    const fired = events.filter((event) => event.probe === 'taken').map((event) => event.args);
    assert.ok(fired.length > 0);
    assert.deepEqual([...new Set(fired.map(String))], ['1']);
  });

  test('missing values have defaults', () => {
    assert.deepEqual(argsOf('missing'), [0, 'undefined', 'undefined', 'undefined']);
  });

  test('values without a type are ignored, types after the 32nd too', () => {
    assert.deepEqual(argsOf('surplus'), [7]);
    assert.deepEqual(
      argsOf('many'),
      Array.from({ length: 32 }, (_, index) => index + 1),
    );
  });

  test('a string that is too long for tracers is cut', () => {
    const [text, next] = argsOf('long') as [string, number];
    assert.equal(text.length, 3749);
    assert.equal(next, 9);
  });

  test('JSON of what has none', () => {
    const none = 'undefined';
    assert.deepEqual(argsOf('json'), [none, none, 'null', none, none, '"text"', 'null']);
  });

  test('the callback has the probe as this, and the extra arguments', () => {
    assert.deepEqual(argsOf('context'), ['true', '3', 'a,2,']);
  });

  test('a cyclic value is an error in the event, and nowhere else', () => {
    const [json, next] = argsOf('cyclic') as [string, number];
    assert.match((JSON.parse(json) as { error: string }).error, /circular/);
    assert.equal(next, 1);
  });

  test('values that throw when they are converted are contained', () => {
    assert.deepEqual(argsOf('failing'), ['[threw: no text]', '{"error":"no JSON"}', 0]);
  });

  test('a callback that throws, or returns no array, fires nothing', () => {
    assert.ok(isSilent('throwing'));
    assert.ok(isSilent('list'));
    assert.ok(isSilent('removed'));
    const counts = events
      .filter((event) => event.probe === 'last')
      .map((event) => (event.args as number[])[0]!);
    // Two of them in each round.
    assert.ok(counts.length > 0);
    assert.equal(counts[0]! % 2, 0);
    assert.ok(counts[0]! >= 2);
  });

  test('what fire returns', () => {
    const [text] = argsOf('returned') as [string];
    const [takenAgain, cyclic, throwing, failing, list, likeList, removed, late, byName, throwingByName] =
      JSON.parse(text) as string[];
    const all = {
      takenAgain,
      cyclic,
      throwing,
      failing,
      list,
      likeList,
      removed,
      late,
      byName,
      throwingByName,
    };
    assert.deepEqual(all, {
      takenAgain: 'undefined',
      cyclic: 'true',
      throwing: 'undefined',
      failing: 'true',
      list: 'undefined',
      likeList: 'undefined',
      removed: 'undefined',
      late: 'true',
      byName: 'true',
      throwingByName: 'true',
    });
  });

  test('fire by name, though a probe has taken the name of the method', () => {
    assert.deepEqual(argsOf('by-name'), [5, 'five']);
  });

  test('a probe that was added after enable() is seen after the next', () => {
    assert.deepEqual(argsOf('late'), [3]);
  });

  test('the program lives', () => {
    assert.equal(program.exitCode, null);
    assert.equal(program.signalCode, null);
  });

  test('bpftrace reads the same', { skip: without('bpftrace') }, () => {
    const script = `usdt:*:nodeapp:values {
      printf("%ld %ld %s %s %s %s\\n", arg0, arg1, str(arg2), str(arg3), str(arg4), str(arg5));
      exit();
    }`;
    const pid = String(program.pid);
    const { stdout, stderr } = spawnSync('bpftrace', ['-q', '-p', pid, '-e', script], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    const line = `-1 ${2 ** 40} text null {"a":[1]} "text"`;
    assert.ok(stdout.split('\n').includes(line), `${stdout}\n${stderr}`);
  });
});
