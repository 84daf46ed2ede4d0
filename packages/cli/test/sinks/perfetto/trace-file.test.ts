import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../../test/support/folders.ts';
import { FailureError } from '../../../src/errors.ts';
import { TraceFile } from '../../../src/sinks/perfetto/trace-file.ts';

const folder = temporaryFolder();

const event = (n: number) => `{"ph":"i","name":"${n}"},\n`;
const read = (path: string) => JSON.parse(fs.readFileSync(path, 'utf8'));

test('it is a whole document after each write', async () => {
  const path = join(folder, 'a.json');
  fs.writeFileSync(path, 'something longer that was there before'.repeat(100));
  let written = 0;
  const file = await TraceFile.create(path, () => ({ written }));
  assert.deepEqual(read(path), { displayTimeUnit: 'ns', traceEvents: [], otherData: { written: 0 } });
  for (let n = 1; n <= 30; n++) {
    let text = '';
    for (let i = 0; i < n % 4; i++) text += event(written++);
    await file.write(text);
    const { traceEvents } = read(path);
    assert.deepEqual(
      traceEvents.map(({ name }: { name: string }) => name),
      Array.from({ length: written }, (_, i) => String(i)),
    );
    assert.equal(file.bytes, fs.statSync(path).size);
  }
  await file.close();
  assert.deepEqual(read(path).otherData, { written });
});

test('a pipe has it in one piece', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = new Promise<string>((resolve, reject) =>
    fs.readFile(pipe, 'utf8', (error, text) => (error ? reject(error) : resolve(text))),
  );
  const file = await TraceFile.create(pipe, () => ({ ok: true }));
  await file.write(event(1));
  await file.write(event(2) + event(3));
  await file.close();
  const { traceEvents, otherData } = JSON.parse(await reader);
  assert.deepEqual([traceEvents.length, otherData], [3, { ok: true }]);
});

test('a path that can not be written says why', async () => {
  const reason = async (path: string) => {
    try {
      const file = await TraceFile.create(path, () => ({}));
      await file.close();
    } catch (error) {
      assert.ok(error instanceof FailureError);
      return error.message;
    }
    return 'none';
  };
  assert.equal(
    await reason(join(folder, 'no', 'a.json')),
    `can't write ${folder}/no/a.json: there is no such folder`,
  );
  assert.match(await reason(folder), /it is a folder$/);
  assert.match(await reason('/dev/full'), /the disk is full$/);
});

const skip = process.geteuid?.() !== 0 && 'not root: no small disk can be made';
for (const each of [200, 100_000]) {
  test(`a full disk keeps what there was room for, ${each} events a write`, { skip }, async () => {
    const disk = join(folder, `disk-${each}`);
    fs.mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
    try {
      const path = join(disk, 'a.json');
      let written = 0;
      const file = await TraceFile.create(path, () => ({ written, note: 'x'.repeat(written / 100) }));
      await assert.rejects(async () => {
        for (;;) {
          let text = '';
          for (let i = 0; i < each; i++) text += event(written + i);
          await file.write(text);
          written += each;
        }
      }, /^FailureError: can't write .*: the disk is full; it has what was recorded before$/);
      const names = read(path).traceEvents.map(({ name }: { name: string }) => Number(name));
      assert.ok(names.length > 8000 && fs.statSync(path).size > 250_000, `${names.length} events`);
      assert.ok(names.length >= written && names.length < written + each);
      assert.deepEqual(
        names,
        Array.from(names, (_, n) => n),
      );
      await file.close().catch(() => {});
      assert.equal(read(path).traceEvents.length, names.length);
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });
}
