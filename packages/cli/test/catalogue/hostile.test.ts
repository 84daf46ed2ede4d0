/** Files that others made so that reading them waits for ever, or takes all memory and time. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildImage, defineProbe, encodeStapsdtNotes, parseArguments } from 'libusdt/codecs';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { absent, without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp } from '../../../../test/support/programs.ts';
import { jsonLines, MAIN, tracesOf, usdt, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { localDevices } from '../../src/catalogue/guarded.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { OtherFileError, openFound } from '../../src/catalogue/open-file.ts';
import { openProbeFiles } from '../../src/catalogue/sources.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
const skipNamespaces = skip || without('unshare', 'mkfifo');
const skipFuse =
  skipNamespaces || without('bindfs') || (fs.existsSync('/dev/fuse') ? false : absent('no /dev/fuse'));

const format = { class: 64, data: 'lsb' } as const;
const MIB = 1024 * 1024;

/** A file with one section of notes: `notes` at its start, and nothing, a hole, behind them. */
function writeElf(name: string, notes: Uint8Array, size = notes.length): string {
  const path = join(folder, name);
  const start = 4096;
  const names = Buffer.from('\0.note.stapsdt\0.shstrtab\0');
  const headers = start + Math.ceil((size + names.length) / 8) * 8;
  const head = Buffer.alloc(120);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  for (const [at, value] of [
    [16, 3],
    [18, 62],
    [20, 1],
    [52, 64],
    [54, 56],
    [56, 1],
    [58, 64],
    [60, 3],
    [62, 2],
    [64, 1],
    [68, 5],
  ] as const)
    head.writeUInt16LE(value, at);
  for (const [at, value] of [
    [32, 64],
    [40, headers],
    [80, 0x10000],
    [88, 0x10000],
    [96, start],
    [104, start],
  ] as const)
    head.writeBigUInt64LE(BigInt(value), at);
  const sections = Buffer.alloc(192);
  for (const [at, value] of [
    [64, 1],
    [68, 7],
    [128, 15],
    [132, 3],
  ] as const)
    sections.writeUInt32LE(value, at);
  for (const [at, value] of [
    [88, start],
    [96, size],
    [152, start + size],
    [160, names.length],
  ] as const)
    sections.writeBigUInt64LE(BigInt(value), at);
  const fd = fs.openSync(path, 'w', 0o755);
  fs.writeSync(fd, head, 0, head.length, 0);
  fs.writeSync(fd, notes, 0, notes.length, start);
  fs.writeSync(fd, names, 0, names.length, start + size);
  fs.writeSync(fd, sections, 0, sections.length, headers);
  fs.closeSync(fd);
  return path;
}

function noteSection(count: number, args = '8@%rax -4@%edi'): Uint8Array {
  const note = { pc: 0x10040, base: 0, semaphore: 0, provider: 'hostile', args };
  return encodeStapsdtNotes(
    Array.from({ length: count }, (_, n) => ({ ...note, name: `probe${n}` })),
    format,
  );
}

/** Runs `usdt list`, and measures it: MiB and milliseconds. */
function listed(path: string): { stdout: string; stderr: string; memory: number; time: number } {
  const measure = "process.on('exit', () => console.error('RSS', process.resourceUsage().maxRSS))";
  const before = performance.now();
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(measure)}`, MAIN, 'list', path],
    { encoding: 'utf8', maxBuffer: 1 << 30 },
  );
  return {
    stdout,
    stderr,
    memory: Number(/RSS (\d+)/.exec(stderr)?.[1]) / 1024,
    time: performance.now() - before,
  };
}

test('a section of 1.9 GiB that costs its owner nothing costs little to read', { skip }, () => {
  const { stdout, stderr, memory, time } = listed(writeElf('sparse', noteSection(3), 1945 * MIB));
  assert.match(stdout, /hostile:probe2 /);
  assert.match(
    stderr,
    /sparse: its section \.note\.stapsdt of 1945 MiB is too large: what is behind the first 2 MiB is passed over/,
  );
  assert.ok(memory < 250, `${memory} MiB`);
  assert.ok(time < 10_000, `${time} ms`);
});

test('of more notes than a file may have the first are read, and it is said', { skip }, () => {
  const { stdout, stderr, memory } = listed(writeElf('notes', noteSection(LIMITS.notes + 1000)));
  assert.equal(stdout.split('\n').filter((line) => line.startsWith('hostile:')).length, LIMITS.notes);
  assert.match(stderr, /is too large: what is behind the first \d+ MiB is passed over/);
  assert.ok(memory < 600, `${memory} MiB`);
});

test('of more arguments than memory should hold the first are read, and it is said', () => {
  const args = Array(LIMITS.arguments).fill('1@a').join(' ');
  const [file] = openProbeFiles(writeElf('arguments', noteSection(9000, args)));
  assert.ok(file!.sites.length > 100 && file!.sites.length <= LIMITS.sites / LIMITS.arguments);
  assert.equal(file!.sites[0]!.arguments.length, LIMITS.arguments);
  assert.match(file!.problems.join(), /those behind the first \d+ are passed over/);
  const [more] = openProbeFiles(writeElf('too-many', noteSection(1, `${args} 1@a`)));
  assert.equal(more!.sites[0]!.arguments.length, 1, 'one that no tracer can read');
});

test('blanks in arguments take time by their number, not by its square', () => {
  const before = performance.now();
  assert.equal(parseArguments(`4@%eax${' '.repeat(1_000_000)}x`).length, 1);
  assert.ok(performance.now() - before < 2000);
});

test('numbers of headers that no program has are refused', () => {
  const path = writeElf('headers', noteSection(1));
  const fd = fs.openSync(path, 'r+');
  const size = fs.fstatSync(fd).size;
  const [count, place] = [Buffer.alloc(8), Buffer.alloc(2)];
  // No number in the file's header: it is in the first section's size.
  count.writeBigUInt64LE(BigInt(LIMITS.sections + 1));
  fs.writeSync(fd, place, 0, 2, 60);
  fs.writeSync(fd, count, 0, 8, size - 192 + 32);
  fs.ftruncateSync(fd, size + 64 * (LIMITS.sections + 1));
  fs.closeSync(fd);
  assert.throws(() => openProbeFiles(path), /262145 sections are too many/);
});

test('an image of libusdt with 100,000 probes is read as a whole', () => {
  const probes = Array.from({ length: 100_000 }, (_, n) =>
    defineProbe(`probe-${n}`, ['int32_t', 'char *', 'json']),
  );
  const { bytes } = buildImage(
    { provider: 'large', module: 'large', probes },
    { os: 'linux', arch: 'x64', tracepoint: 'nop' },
  );
  const path = join(folder, 'large.so');
  fs.writeFileSync(path, bytes);
  const [file] = openProbeFiles(path);
  assert.deepEqual(file!.problems, []);
  assert.equal(file!.sites.length, 100_000);
  assert.equal(file!.sites.at(-1)!.name, 'probe-99999');
});

test('what is not a regular file is neither waited for nor opened', { skip: skipNamespaces }, () => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  assert.throws(() => openProbeFiles(fifo), /fifo: not a regular file/);
  for (const path of [fifo, '/dev/null', folder])
    assert.throws(() => openFound(path, () => true), OtherFileError);
  assert.throws(() => openFound(MAIN, () => false), OtherFileError);
  assert.equal(usdt(folder, 'list', fifo).status, 1);
});

/** Processes with a word in their command line. */
function processesWith(word: string): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(word);
    } catch {
      return false; // No process, or one that has ended.
    }
  });
}

/** Those that read files for others. */
const readers = (): string[] => processesWith('guarded-child');

/** For shell scripts: waits until the process that was started last runs a file. */
const untilRuns = (file: string): string => `until grep -q ${file} /proc/$!/maps; do sleep 0.02; done`;

/** A program of a mount that only it has, with a FIFO or a device over it since. */
async function startCovered(name: string, cover: string): Promise<ChildProcess> {
  const script = `mount -t tmpfs none /mnt && cp ${webapp(folder, name)} /mnt/${name} && ${cover} &&
    { /mnt/${name} 100000 10000 & } && ${untilRuns(`/mnt/${name}`)} && mount --bind /mnt/cover /mnt/${name} && echo $! && wait`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let out = '';
  child.stdout!.on('data', (data) => {
    out += data;
  });
  await until(() => out.includes('\n'), 'the mount');
  return child;
}

for (const [name, cover] of [
  ['fifo', 'mkfifo /mnt/cover'],
  ['device', 'mknod /mnt/cover c 1 3'],
  ['other', 'cp /bin/sh /mnt/cover'],
] as const) {
  test(`a program with something else (${name}) mounted over it`, { skip: skipNamespaces }, async () => {
    const child = await startCovered(`covered-${name}`, cover);
    try {
      const list = usdt(folder, 'list', '--all', '--json', 'webapp:*');
      // The kernel has the mapped file still.
      assert.equal(
        jsonLines(list.stdout).filter(({ file }) => file === `/mnt/covered-${name}`).length,
        4,
        list.stderr,
      );
      const trace = usdt(folder, 'trace', '--json', '-n', '3', `/mnt/covered-${name}:webapp:where`);
      assert.equal(jsonLines(trace.stdout).length, 3, trace.stderr);
    } finally {
      process.kill(-child.pid!, 'SIGKILL');
    }
  });
}

test('a program with a file system mounted over it whose server has stopped', {
  skip: skipFuse,
}, async () => {
  const own = join(folder, 'own');
  fs.mkdirSync(own);
  webapp(own, 'waiting');
  // One that waits for ever can't be killed: after a while the server goes on.
  const script = `mount -t tmpfs none /mnt && mkdir /mnt/below /mnt/in && mount --bind ${own} /mnt/in &&
    { /mnt/in/waiting 1000000 10000 & P=$! ; } && sleep 0.3 &&
    { bindfs -f -o nonempty /mnt/below /mnt/in & B=$! ; } && sleep 1 && kill -STOP $B && echo $P && sleep 20; kill -CONT $B`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let out = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  await until(() => out.includes('\n'), 'the mount');
  const program = Number(out);
  const words = ['webapp:where', '-p', String(program)];
  try {
    const before = performance.now();
    assert.equal(jsonLines(usdt(folder, 'list', '--json', '-p', String(program)).stdout).length, 4);
    assert.equal(jsonLines(usdt(folder, 'trace', '--json', '-n', '2', ...words).stdout).length, 2);
    assert.ok(performance.now() - before < LIMITS.answerTime, 'nothing waits for it');
    const { stdout, stderr } = usdt(folder, 'script', 'bpftrace', ...words);
    assert.match(stdout, new RegExp(`^usdt:/proc/${program}/map_files/[^:]+:webapp:where$`, 'm'), stderr);
  } finally {
    process.kill(-child.pid!, 'SIGKILL');
  }
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends it while it reads a file that takes long, and a command that is held never begins`, {
    skip,
  }, async () => {
    const args = Array(LIMITS.arguments).fill('1@a').join(' ');
    const file = writeElf('slow', noteSection(50_000, args));
    const begun = join(folder, 'begun');
    for (const words of [
      ['list', file],
      ['trace', 'hostile:*', '-f', file, '--', 'touch', begun],
    ]) {
      const child = spawn(process.execPath, [MAIN, ...words], { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.on('exit', (code, by) => resolve(by ?? code)));
      // When it has begun to read: the note section fills its memory.
      await until(
        () => /VmRSS:\s+1\d{5} kB/.test(fs.readFileSync(`/proc/${child.pid}/status`, 'latin1')),
        'the look',
      );
      const before = performance.now();
      kill(child, signal);
      assert.equal(await ended, signal);
      assert.ok(performance.now() - before < 1000);
      assert.deepEqual(tracesOf(child.pid!), []);
    }
    await until(() => processesWith(begun).length === 0, 'the end of the command that was held');
    assert.equal(fs.existsSync(begun), false);
  });
}

test('local file systems of this mount namespace are read directly, all others by a child that can be killed', () => {
  const mountinfo = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/root rw
30 27 0:40 / /a\\040b rw shared:1 master:2 - overlay overlay rw,lowerdir=/x
31 27 0:41 / /fuse rw - fuse.bindfs src rw
32 27 0:42 / /nfs rw - nfs4 server:/ rw
`;
  const ofTheFirst =
    '40 20 0:50 / /var/lib/containers/merged rw - overlay overlay rw\n41 20 8:2 / /ntfs rw - fuseblk /dev/sda2 rw\n';
  const devices = localDevices([mountinfo, ofTheFirst]);
  const isLocal = (...list: string[]) => list.map((device) => devices.has(device));
  assert.deepEqual(isLocal('0:1', '0:40', '254:0', '0:50'), [true, true, true, true]);
  assert.deepEqual(isLocal('0:41', '0:42', '8:2'), [false, false, false]);
  // Those of other mount namespaces: only root mounts a block device.
  assert.deepEqual(isLocal('8:1', '0:99'), [true, false]);
});

test('paths are looked up that lead through local file systems, and no symbolic link', () => {
  const path = fs.realpathSync(folder);
  fs.mkdirSync(join(path, 'a b'));
  fs.symlinkSync('a b', join(path, 'link'));
  fs.writeFileSync(join(path, 'a b', 'file'), '');
  const reaches = (type: string, name: string) =>
    localDevices([
      `22 27 0:99 / ${path}/a\\040b rw - ${type} source rw\n`,
      `23 27 0:98 / ${path} rw - nfs server:/ rw\n`,
    ]).reaches(join(path, name));
  assert.deepEqual([reaches('tmpfs', 'a b/file'), reaches('nfs4', 'a b/file')], [true, false]);
  assert.deepEqual([reaches('tmpfs', 'link/file'), reaches('tmpfs', 'a b/none')], [false, false]);
});

test('a file system whose server has stopped is passed over, and a signal does not wait for it', {
  skip: skipFuse,
}, async () => {
  const name = 'silent';
  const script = `mount -t tmpfs none /mnt && mkdir /mnt/below /mnt/fuse && cp ${webapp(folder, name)} /mnt/below/${name} &&
    { bindfs -f /mnt/below /mnt/fuse & B=$! ; } && until [ -e /mnt/fuse/${name} ]; do sleep 0.02; done &&
    { /mnt/fuse/${name} 1000000 10000 & } && ${untilRuns(`/mnt/fuse/${name}`)} && echo $B $! && wait`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let out = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  await until(() => out.includes('\n'), 'the mount');
  const [server, program] = out.trim().split(' ').map(Number) as [number, number];
  const words = ['webapp:where', '-p', String(program)];
  try {
    assert.equal(jsonLines(usdt(folder, 'list', '--json', '-p', String(program)).stdout).length, 4);
    assert.equal(jsonLines(usdt(folder, 'trace', '--json', '-n', '2', ...words).stdout).length, 2);
    process.kill(server, 'SIGSTOP');
    const before = performance.now();
    const { stderr } = usdt(folder, 'list', '--all');
    assert.match(
      stderr,
      /\/mnt\/fuse\/silent: its file system does not answer: it and all others of it are passed over/,
    );
    assert.ok(performance.now() - before < LIMITS.answerTime + 10_000);
    const earlier = readers();
    const tracer = spawn(process.execPath, [MAIN, 'trace', ...words], { stdio: 'ignore' });
    const ended = new Promise((resolve) => tracer.on('exit', (_, by) => resolve(by)));
    await until(() => readers().some((pid) => !earlier.includes(pid)), 'the look at the file system');
    const then = performance.now();
    kill(tracer, 'SIGTERM');
    assert.equal(await ended, 'SIGTERM');
    assert.ok(performance.now() - then < 1000);
    const left = readers();
    assert.notDeepEqual(left, []);
    await until(
      () => !left.some((pid) => fs.existsSync(`/proc/${pid}`)),
      'the end of the process that reads',
    );
  } finally {
    process.kill(server, 'SIGKILL');
    process.kill(-child.pid!, 'SIGKILL');
  }
});
