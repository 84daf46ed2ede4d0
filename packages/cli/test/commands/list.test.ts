import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { readNotes } from '../../../../test/support/notes.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp, withoutPrograms } from '../../../../test/support/programs.ts';
import { jsonLines, MAIN, usdt, withoutCommand, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';

const folder = temporaryFolder();
const skip = withoutPrograms() || withoutCommand();

/** What libusdt's decoder reads of the same notes, and binutils where they are installed. */
function decodedProbes(path: string): string[] {
  return readNotes(path).map(
    ({ provider, name, pc, semaphore, args }) =>
      `${provider}:${name} ${pc.toString(16)} ${semaphore ? semaphore.toString(16) : '-'} ${args}`,
  );
}

function ourProbes(path: string): string[] {
  return jsonLines(usdt(folder, 'list', '--json', path).stdout).map((probe) => {
    const args = probe.arguments as { size: number; signed: boolean; float: boolean; operand: string }[];
    const text = args.map(
      ({ size, signed, float, operand }) => `${signed ? '-' : ''}${size}${float ? 'f' : ''}@${operand}`,
    );
    const semaphore = probe.semaphore === null ? '-' : String(probe.semaphore).slice(2);
    return `${probe.provider}:${probe.probe} ${String(probe.address).slice(2)} ${semaphore} ${text.join(' ')}`;
  });
}

const LIBRARIES = ['libc.so.6', 'libstdc++.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2', 'libpython3.11.so.1.0']
  .map((name) => `/usr/lib/x86_64-linux-gnu/${name}`)
  .filter((path) => fs.existsSync(path));

for (const path of LIBRARIES) {
  test(`the probes of ${path} are those of its notes`, { skip }, () => {
    assert.deepEqual(ourProbes(path), decodedProbes(path));
  });
}

test('the probes of a C program are those of its notes', { skip }, () => {
  const program = webapp(folder);
  const probes = ourProbes(program);
  assert.equal(probes.length, 4);
  assert.deepEqual(probes, decodedProbes(program));
});

test('bpftrace lists the same names', { skip: skip || withoutTracing() || without('bpftrace') }, () => {
  const library = '/usr/lib/x86_64-linux-gnu/libstdc++.so.6';
  const files = [webapp(folder)];
  if (fs.existsSync(library)) {
    // bpftrace wants permission to execute, and understands `+` as an operator.
    files.push(join(folder, 'libstdcxx.so'));
    fs.copyFileSync(library, files[1]!);
    fs.chmodSync(files[1]!, 0o755);
  }
  for (const path of files) {
    const theirs = execFileSync('bpftrace', ['-l', `usdt:${path}:*`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const names = theirs
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(':').slice(-2).join(':'));
    const ours = jsonLines(usdt(folder, 'list', '--json', path).stdout).map(
      ({ provider, probe }) => `${provider}:${probe}`,
    );
    assert.deepEqual([...new Set(ours)].sort(), [...new Set(names)].sort());
  }
});

test('the table has a line for each probe', { skip }, () => {
  const program = webapp(folder);
  const { stdout, status } = usdt(folder, 'list', program);
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.match(lines[0]!, /^PROBE +ARGUMENTS +TRACED +FILE$/);
  assert.match(lines[1]!, new RegExp(`^webapp:request__start +int32_t, uint64_t, int64_t +- +${program}$`));
  assert.equal(lines.length, 5);
  assert.match(usdt(folder, 'list', program, 'webapp:types').stdout, /^PROBE.*\nwebapp:types[^\n]*\n$/);
  assert.match(usdt(folder, 'list', '-v', program).stdout, / arg0 {2}int32_t {2}counter\(%rip\)\n/);
});

test('a full disk is told in one line', { skip: skip || without('/dev/full') }, () => {
  const full = fs.openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'list', webapp(folder)], {
      encoding: 'utf8',
      stdio: ['ignore', full, 'pipe'],
    });
    assert.deepEqual([status, stderr], [1, "usdt: can't write the output: the disk is full\n"]);
  } finally {
    fs.closeSync(full);
  }
});

test('what can not be read is told, the rest is listed', { skip }, () => {
  const program = webapp(folder);
  const broken = join(folder, 'broken');
  fs.writeFileSync(broken, fs.readFileSync(program).subarray(0, 9000));
  const { stdout, stderr, status } = usdt(
    folder,
    'list',
    '/nonexistent',
    '/etc/passwd',
    '/tmp',
    broken,
    program,
  );
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^usdt: \/nonexistent: no such file\nusdt: \/etc\/passwd: not an ELF or Mach-O file\nusdt: \/tmp: .*\nusdt: \S+broken: .*bytes.*\n$/,
  );
  assert.equal(stdout.split('\n').length, 6);
});

test('exit codes: nothing found, bad command line, no such process', { skip }, () => {
  assert.equal(usdt(folder, 'list', webapp(folder), 'nosuch:*').status, 3);
  assert.equal(usdt(folder, 'list', '--nonsense').status, 2);
  assert.equal(usdt(folder, 'list', '-p', 'x').status, 2);
  assert.equal(usdt(folder, 'list', '-p', '1', '/bin/true').status, 2);
  assert.equal(usdt(folder, 'list', '-p', '99999999').status, 1);
  assert.equal(usdt(folder, 'nonsense').status, 2);
  assert.equal(usdt(folder).status, 2);
  const help = usdt(folder, 'list', '--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /Examples:\n {2}\$ usdt list/);
});

test('of a process, and of all: deleted and moved files too; traced while somebody traces', {
  skip: skip || withoutTracing(),
}, async () => {
  const program = webapp(folder, 'living');
  const child = spawn(program, ['1000', '10000']);
  try {
    await until(() => fs.readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes('living'), 'the program');
    const list = (...args: string[]) =>
      jsonLines(usdt(folder, 'list', '--json', ...args).stdout).filter(
        ({ provider }) => provider === 'webapp',
      );
    assert.deepEqual(
      list('-p', String(child.pid)).map(({ traced, file }) => [traced, file]),
      Array(4).fill([false, program]),
    );
    const tracer = spawn(process.execPath, [MAIN, 'trace', 'webapp:types', '-p', String(child.pid)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => tracer.stdout.once('data', resolve));
    const traced = Object.fromEntries(list(program).map((probe) => [probe.probe, probe.traced]));
    kill(tracer, 'SIGINT');
    tracer.stdout.resume();
    await new Promise((resolve) => tracer.once('exit', resolve));
    assert.deepEqual(traced, { request__start: false, types: true, where: false, request__done: false });
    fs.unlinkSync(program);
    assert.equal(list('--all').filter(({ file }) => file === program).length, 4);
    assert.equal(list('-p', String(child.pid)).filter(({ traced: now }) => now === false).length, 4);
  } finally {
    kill(child);
  }
});
