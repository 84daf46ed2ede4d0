/** ldapjs 2 from npm: it calls methods of the class on an object, and fires by name. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { kill, startNode } from '../../../test/support/processes.ts';
import { installProject, npm } from '../../../test/support/projects.ts';
import { jsonLines, usdt } from '../../../test/support/usdt.ts';

const folder = temporaryFolder();
const { absent, installed } = await installProject('directory', folder);

describe('ldapjs with the drop-in', { skip: absent }, () => {
  test('npm has nothing to say about it', async () => {
    assert.match(installed.stdout, /added \d+ packages/);
    assert.doesNotMatch(installed.stderr, /dtrace|libusdt|gyp|script/i);
    const { status, stderr } = await npm(folder, 'ls', '--all');
    assert.equal(status, 0, stderr);
  });

  test('binds and searches, with who asked, for what, and what came out', () => {
    const program = startNode(join(folder, 'cache'), [join(folder, 'service.cjs')]);
    const options = ['--pid', String(program.pid), '--wait', '--json', '--quiet', '--count', '80'];
    const { stdout, stderr } = usdt(folder, 'trace', 'ldapjs:*', ...options);
    kill(program, 'SIGKILL');
    const events = jsonLines(stdout) as unknown as { probe: string; args: unknown[] }[];
    assert.equal(events.length, 80, stderr);
    const argsOf = (probe: string) =>
      events.filter((event) => event.probe === probe).map((event) => event.args);

    const [id, address, , dn, scope, filter] = argsOf('server-search-start')[0]!;
    assert.deepEqual([address, dn, scope, filter], ['127.0.0.1', 'o=shop', 'sub', '(cn=anna)']);
    const entry = argsOf('server-search-entry').find((args) => args[0] === id)!;
    assert.equal(entry[4], 'cn=anna, o=shop');
    const done = argsOf('server-search-done').find((args) => args[0] === id)!;
    assert.equal(done[4], 0);

    assert.equal(argsOf('server-bind-start')[0]![3], 'cn=root');
    const refused = argsOf('server-bind-done').find((args) => args[4] !== 0)!;
    // LDAP_INVALID_CREDENTIALS
    assert.deepEqual(refused.slice(4), [49, 'not that one']);
  });
});
