import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { currentOwner, isGone, ownerName, parseOwner, startTime } from '../../src/tracefs/owner.ts';
import { tracefsFolders } from '../../src/tracefs/tracefs.ts';
import { eventDefinition, eventGroups, eventName } from '../../src/tracefs/uprobe-events.ts';

test('a name tells its owner, and who is not there any more', { skip: process.platform !== 'linux' }, () => {
  const owner = currentOwner();
  assert.deepEqual(parseOwner(ownerName(owner, 3)), owner);
  assert.equal(isGone(owner), false);
  assert.equal(isGone({ ...owner, start: '1' }), true, 'the same number, another process');
  const { pid } = spawnSync('true');
  assert.equal(startTime(pid), undefined);
  assert.equal(isGone({ ...owner, pid }), true);
  assert.equal(isGone({ ...owner, pid, namespace: '1' }), false, 'nothing is known of another PID namespace');
  for (const name of ['usdt', 'usdt_1_2', 'perf', 'usdt_1_2_3_4_5', 'my_usdt_1_2_3_4'])
    assert.equal(parseOwner(name), undefined);
});

test('names fit the kernel', () => {
  const long = eventName({ sdtProvider: 'p'.repeat(60), sdtName: 'q'.repeat(60) }, 12345);
  assert.equal(long.length, 63);
  assert.match(long, /_12345$/);
  assert.equal(eventName({ sdtProvider: '1a.b', sdtName: 'c-d' }, 0), '_1a_b__c_d_0');
  assert.ok(ownerName({ pid: 4194304, start: '9'.repeat(15), namespace: '4026531836' }, 999).length <= 63);
});

test('an event is defined by file, place and semaphore', () => {
  assert.equal(
    eventDefinition('g', 'e', '/bin/x', { offset: 0x1234n, semaphoreOffset: 0x40n }, ['arg0=%di:s32']),
    'p:g/e /bin/x:0x1234(0x40) arg0=%di:s32',
  );
  assert.equal(
    eventDefinition('g', 'e', '/bin/x', { offset: 16n, semaphoreOffset: undefined }, []),
    'p:g/e /bin/x:0x10',
  );
  assert.deepEqual([...eventGroups('p:a/x /f:0x1\nr5:b/y /f:0x2 a=%di\np:a/z /f:0x3\n')], ['a', 'b']);
});

test('tracefs is found where it is mounted', () => {
  assert.deepEqual(tracefsFolders(''), { mounted: [], automatic: [] });
  const mounts = `d /sys/kernel/debug debugfs rw 0 0
t /sys/kernel/debug/tracing tracefs rw 0 0
x /no\\040where tracefs rw 0 0
t /sys/kernel/tracing tracefs rw 0 0
d /nowhere/debug debugfs rw 0 0
`;
  assert.deepEqual(tracefsFolders(mounts), {
    mounted: ['/sys/kernel/tracing', '/sys/kernel/debug/tracing', '/no where'],
    automatic: ['/nowhere/debug/tracing'],
  });
});
