/** What `usdt` does on systems that are not Linux: here they are Linux with another name for itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { jsonLines, MAIN, withoutCommand } from '../../../../test/support/usdt.ts';

const folder = temporaryFolder();
const program = fileURLToPath(new URL('../fixtures/programs/webapp', import.meta.url));
const DARWIN =
  'data:text/javascript,for (const [key, value] of Object.entries({ platform: "darwin", arch: "arm64" })) Object.defineProperty(process, key, { value })';

function usdt(...args: readonly string[]) {
  return spawnSync(process.execPath, ['--import', DARWIN, MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, LIBUSDT_DIR: join(folder, 'cache'), NO_COLOR: '1' },
    timeout: 60_000,
  });
}

describe('usdt on macOS', { skip: withoutCommand() }, () => {
  test('lists files', () => {
    const { stdout, stderr, status } = usdt('list', program);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^webapp:types +uint8_t, int8_t, uint64_t, int64_t, int32_t +- /m);
    assert.equal(jsonLines(usdt('list', '--json', program).stdout).length, 4);
  });

  test('says why it looks at no process, and what it does instead', () => {
    for (const args of [[], ['--all'], ['-p', String(process.pid)], ['webapp:*']]) {
      const { stdout, stderr, status } = usdt('list', ...args);
      assert.deepEqual([status, stdout], [4, '']);
      assert.match(
        stderr,
        /^usdt: looking at (a process|processes) needs Linux, and this is darwin: name the files of its probes\n$/,
      );
    }
  });

  test('says why it does not trace, and what does', () => {
    const wanted =
      /^usdt: tracing needs Linux, and this is darwin: DTrace traces here, by what 'usdt script dtrace' prints\n$/;
    const commands = [
      ['trace'],
      ['stat'],
      ['record', '-o', join(folder, 'x.trace')],
      ['export', '--listen', '127.0.0.1:0'],
    ];
    for (const command of commands) {
      const { stdout, stderr, status } = usdt(...command, 'webapp:*', '-f', program);
      assert.deepEqual([status, stdout], [4, ''], command[0]);
      assert.match(stderr, wanted);
    }
    assert.equal(fs.existsSync(join(folder, 'x.trace')), false);
  });

  test('writes scripts for the probes of files', () => {
    const { stdout, status } = usdt('script', 'dtrace', 'webapp:*', '-f', program);
    assert.equal(status, 0);
    assert.match(stdout, /^webapp\*:::types$/m);
    const without = usdt('script', 'dtrace', 'webapp:*');
    assert.equal(without.status, 3);
    assert.match(without.stderr, /: name its file with -f\n$/);
  });

  test('writes images', () => {
    const definition = join(folder, 'webapp.json');
    fs.writeFileSync(definition, JSON.stringify({ provider: 'webapp', probes: { start: ['int32_t'] } }));
    const image = join(folder, 'image');
    const build = (...args: readonly string[]) => {
      const { stdout, stderr, status } = usdt('build', definition, '-o', image, '--json', ...args);
      assert.deepEqual([status, stderr], [0, '']);
      const [{ target, tracepoint }] = jsonLines(stdout) as [Record<string, unknown>];
      return [target, tracepoint, fs.readFileSync(image).readUInt32BE(0)];
    };
    const [ELF_MAGIC, MH_CIGAM_64] = [0x7f454c46, 0xcffaedfe];
    assert.deepEqual(build('--target', 'darwin-arm64'), ['darwin-arm64', 'nop', MH_CIGAM_64]);
    // The release of another system's kernel says nothing of Linux.
    assert.deepEqual(build('--target', 'linux-x64'), ['linux-x64', 'nop', ELF_MAGIC]);
    assert.deepEqual(build(), ['linux-arm64', 'nop', ELF_MAGIC]);
  });

  test('doctor checks what is there, and says what traces', () => {
    const { stdout, status } = usdt('doctor', '--json');
    assert.equal(status, 4);
    const findings = jsonLines(stdout);
    assert.deepEqual(
      findings.map(({ check }) => check),
      ['kernel', 'tracers', 'runtime', 'library', 'cache', 'selftest'],
    );
    assert.equal(findings[0]!.fix, "trace with DTrace, by what 'usdt script dtrace' prints");
  });
});
