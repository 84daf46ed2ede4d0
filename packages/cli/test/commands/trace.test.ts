import assert from 'node:assert/strict';
import { type StdioOptions, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { absent, unusable, without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp } from '../../../../test/support/programs.ts';
import {
  findTracefs,
  jsonLines,
  MAIN,
  tracesOf,
  usdt,
  withoutTracing,
} from '../../../../test/support/usdt.ts';
import { sleep, until } from '../../../../test/support/wait.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
let program = '';
before(() => {
  if (!skip) program = webapp(folder);
});

interface Running {
  readonly pid: number;
  readonly events: () => Record<string, unknown>[];
  readonly errors: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly exit: Promise<number | NodeJS.Signals | null>;
}

/** Starts `usdt trace --json`, and waits until it is attached. */
async function start(...args: readonly string[]): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, 'trace', '--json', ...args], {
    env: { ...process.env, LIBUSDT_DIR: join(folder, 'cache') },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal)),
  );
  await until(() => err.includes('\n'), 'the tracer');
  return {
    pid: child.pid!,
    events: () => jsonLines(out.slice(0, out.lastIndexOf('\n') + 1)),
    errors: () => err,
    kill: (signal) => kill(child, signal),
    exit,
  };
}

const args = (events: Record<string, unknown>[], probe: string) =>
  events.filter((event) => event.probe === probe).map((event) => event.args);

test('arguments of every kind, of a command, whose exit code is ours', { skip }, () => {
  const { stdout, stderr, status } = usdt(
    folder,
    'trace',
    'webapp:*',
    '--json',
    '--types',
    'webapp:request-start=_,char *',
    '--types',
    '*:request-done=,,string',
    '--',
    program,
    '2',
  );
  const events = jsonLines(stdout);
  assert.deepEqual(
    events.map(({ probe }) => probe),
    [
      'request__start',
      'types',
      'where',
      'request__done',
      'request__start',
      'types',
      'where',
      'request__done',
    ],
  );
  assert.deepEqual(args(events, 'request__start'), [
    [0, '/page/0', 0],
    [1, '/page/1', 1000000007],
  ]);
  assert.deepEqual(args(events, 'types')[0], [200, -100, '18364758544493064720', -5000000000, -7]);
  assert.deepEqual(args(events, 'where')[0], [7, 2.5]);
  assert.deepEqual(args(events, 'request__done'), [
    [0, 404, null],
    [1, 200, null],
  ]);
  for (const { pid, tid, comm, provider } of events)
    assert.deepEqual([pid, comm, provider], [tid, 'webapp', 'webapp']);
  const times = events.map(({ time }) => String(time));
  assert.deepEqual(times, [...times].sort());
  assert.ok(Math.abs(Date.parse(times[0]!) - Date.now()) < 60_000);
  assert.equal(status, 4, 'the semaphore was raised');
  assert.match(stderr, /8 events, 0 lost\n$/);
});

test('lines for people', { skip }, () => {
  const { stdout } = usdt(folder, 'trace', 'webapp:request-start', '-q', '-c', `${program} 1`);
  assert.match(
    stdout,
    /^\d\d:\d\d:\d\d\.\d{6} {2}webapp \d+ +webapp:request__start {2}int32_t arg0=0, uint64_t arg1=\d+, int64_t arg2=0\n$/,
  );
});

test('conditions for the kernel and for us', { skip }, () => {
  const run = (where: string) =>
    jsonLines(
      usdt(
        folder,
        'trace',
        'webapp:request-*',
        '--json',
        '--types',
        '*:request-start=_,string',
        '--where',
        where,
        '--',
        program,
        '20',
      ).stdout,
    );
  assert.deepEqual(
    run('arg1 == 200 && arg0 > 15').map((event) => event.args),
    [
      [17, 200, 0],
      [19, 200, 0],
    ],
  );
  assert.deepEqual(
    run('arg1 ~ "*/1?" && arg0 < 12').map((event) => (event.args as unknown[])[1]),
    ['/page/10', '/page/11'],
  );
  assert.equal(run('tid == 1').length, 0);
  assert.equal(run('comm == "webapp"').length, 40);
  assert.equal(usdt(folder, 'trace', 'webapp:where', '-f', program, '--where', 'arg2 == 1').status, 2);
  assert.equal(usdt(folder, 'trace', 'webapp:where', '-f', program, '--where', 'arg2 = 1').status, 2);
});

test('more seconds than a timer can count are refused', { skip }, () => {
  for (const option of [
    ['--duration', '2147484'],
    ['--duration', '0'],
    ['--duration', 'Infinity'],
  ]) {
    const { status, stderr } = usdt(folder, 'trace', 'webapp:*', ...option);
    assert.match(stderr, /It must be a number above 0, and at most 2147483 \(24 days\)/);
    assert.equal(status, 2);
  }
});

test('--count and --duration end it', { skip }, () => {
  const counted = usdt(folder, 'trace', 'webapp:*', '--json', '-n', '3', '--', program, '1000', '1000');
  assert.equal(jsonLines(counted.stdout).length, 3);
  assert.equal(counted.status, 0);
  const before = Date.now();
  assert.equal(usdt(folder, 'trace', 'webapp:*', '-f', program, '-d', '0.2').status, 0);
  assert.ok(Date.now() - before < 5000);
});

test('a process that starts later, and only process -p', { skip }, async () => {
  const tracer = await start('webapp:request-start', '-f', program);
  const first = spawn(program, ['200', '10000']);
  await until(() => tracer.events().length > 3, 'events of a later process');
  const only = await start('webapp:request-start', '-p', String(first.pid));
  const second = spawnSync(program, ['50', '100']);
  await until(() => tracer.events().some(({ pid }) => pid === second.pid), 'events of the second process');
  await until(() => only.events().length > 2, 'events of one process');
  kill(first);
  assert.equal(await only.exit, 0, 'it ends with the process');
  assert.deepEqual([...new Set(only.events().map(({ pid }) => pid))], [first.pid]);
  kill(tracer, 'SIGINT');
  assert.equal(await tracer.exit, 0);
  assert.equal(tracer.events().filter(({ pid }) => pid === second.pid).length, 50);
});

test('a pattern without a file finds programs that start after it (--wait)', { skip }, async () => {
  const unique = webapp(folder, 'unique', 'uniqueapp');
  assert.equal(usdt(folder, 'trace', 'uniqueapp:*').status, 3);
  const tracer = await start('uniqueapp:request-*', '--wait');
  const child = spawn(unique, ['500', '10000']);
  await until(() => tracer.events().length > 0, 'events of a file that was not known');
  kill(child);
  kill(tracer, 'SIGTERM');
  assert.equal(await tracer.exit, 0);
});

test('a program that was replaced while the old one runs on is another, and found', { skip }, async (t) => {
  const path = webapp(folder, 'replaced', 'uniqueapp');
  const old = spawn(path, ['100000', '10000'], { stdio: 'ignore' });
  t.after(() => kill(old));
  const tracer = await start('uniqueapp:where');
  t.after(() => process.kill(tracer.pid, 'SIGINT'));
  const fresh = webapp(folder, 'fresh', 'uniqueapp');
  fs.renameSync(fresh, path);
  const next = spawn(path, ['100000', '10000'], { stdio: 'ignore' });
  t.after(() => kill(next));
  const pids = () => [...new Set(tracer.events().map(({ pid }) => pid))];
  await until(() => pids().length === 2, 'events of both');
  assert.deepEqual(pids(), [old.pid, next.pid]);
});

test('a program that was built anew, with the file number of one without probes, is found', {
  skip,
}, async (t) => {
  const path = join(folder, 'anew');
  fs.copyFileSync('/bin/sleep', path);
  const first = spawn(path, ['100'], { stdio: 'ignore' });
  t.after(() => kill(first, 'SIGKILL'));
  const tracer = await start('--wait', 'uniqueapp:where');
  t.after(() => process.kill(tracer.pid, 'SIGINT'));
  kill(first, 'SIGKILL');
  await new Promise((resolve) => first.on('exit', resolve));
  // Where a file is removed, the next one may get its number. Written over it surely has it.
  fs.writeFileSync(path, fs.readFileSync(webapp(folder, 'source', 'uniqueapp')));
  const next = spawn(path, ['100000', '10000'], { stdio: 'ignore' });
  t.after(() => kill(next));
  await until(() => tracer.events().length > 0, 'events');
});

test('nothing is left in tracefs: at the end, by signals, when the program crashes', { skip }, async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const tracer = await start('webapp:*', '-f', program);
    assert.ok(tracesOf(tracer.pid).length > 0);
    kill(tracer, signal);
    assert.equal(await tracer.exit, 0, signal);
    assert.deepEqual(tracesOf(tracer.pid), []);
  }
  const crash = usdt(folder, 'trace', 'webapp:*', '--json', '--', program, '3', '0', 'crash');
  assert.equal(crash.status, 128 + 6);
  assert.equal(jsonLines(crash.stdout).length, 12);
  assert.deepEqual(tracesOf(crash.pid), []);
  const refused = usdt(folder, 'trace', 'webapp:*', '--', '/nonexistent/program');
  assert.equal(refused.status, 127);
  assert.deepEqual(tracesOf(refused.pid), []);
});

test('nothing is left when the reader of the output goes away, and the command ends too', {
  skip,
}, async () => {
  const pidFile = join(folder, 'pid');
  const script = `"${process.execPath}" "${MAIN}" trace 'webapp:*' -c 'echo $$ > ${pidFile}; exec ${program} 100000 1000' 2>${folder}/errors | head -2`;
  const { stdout } = spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { ...process.env, LIBUSDT_DIR: join(folder, 'cache') },
  });
  assert.equal(stdout.split('\n').length, 3);
  const pid = fs.readFileSync(pidFile, 'utf8').trim();
  await until(() => !fs.existsSync(`/proc/${pid}`), 'the end of the command');
  const tracefs = findTracefs()!;
  const left = () =>
    `${fs.readdirSync(`${tracefs}/instances`)} ${fs.readFileSync(`${tracefs}/uprobe_events`, 'utf8')}`;
  await until(() => !left().includes(folder), left());
  assert.equal(left().includes(program), false);
});

test('a reader that takes nothing any more does not keep a signal from ending it', { skip }, async (t) => {
  const runs = spawn(program, ['1000000', '10'], { stdio: 'ignore' });
  t.after(() => kill(runs));
  const tracer = spawn(process.execPath, [MAIN, 'trace', 'webapp:*', '-p', String(runs.pid)]);
  const ended = new Promise((resolve) => tracer.on('exit', (code, signal) => resolve(code ?? signal)));
  await new Promise((resolve) => tracer.stderr.once('data', resolve));
  // Longer than it takes to fill a pipe.
  await sleep(1000);
  kill(tracer, 'SIGTERM');
  assert.equal(await ended, 143);
  assert.deepEqual(tracesOf(tracer.pid!), []);
});

test('a full disk is told in a line, also where only messages go there', {
  skip: skip || (fs.existsSync('/dev/full') ? false : absent('/dev/full')),
}, () => {
  const full = fs.openSync('/dev/full', 'w');
  const env = { ...process.env, NO_COLOR: '1' };
  const run = (stdio: StdioOptions, ...words: readonly string[]) =>
    spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', stdio, timeout: 60_000, env });
  const traced = ['trace', 'webapp:*', '-q', '--', program, '1'];
  for (const words of [
    ['list', program],
    ['--help'],
    ['script', 'perf', 'webapp:*', '-f', program],
    traced,
  ]) {
    const { status, stderr } = run(['ignore', full, 'pipe'], ...words);
    assert.equal(stderr, "usdt: can't write the output: the disk is full\n");
    assert.equal(status, 1);
  }
  const { status, stdout } = run(['ignore', 'pipe', full], 'trace', 'webapp:where', '--', program, '1');
  assert.match(stdout, / webapp:where /);
  assert.equal(status, 3, 'its own');
  fs.closeSync(full);
});

test('probes in a file that only a container has', { skip: skip || without('unshare') }, async (t) => {
  const script = `mount -t tmpfs none /mnt && cp ${program} /mnt/inner && exec /mnt/inner 100000 10000`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script]);
  try {
    await until(
      () => fs.readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes('/mnt/inner'),
      'the program',
    );
    if (!fs.readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes(' /mnt/inner\n')) {
      t.skip(
        unusable('runs in a chroot, whose place the kernel puts before paths of other mount namespaces'),
      );
      return;
    }
    for (const args of [['webapp:where', '-p', String(child.pid)], ['/mnt/inner:webapp:where']]) {
      assert.equal(jsonLines(usdt(folder, 'trace', '--json', '-n', '1', ...args).stdout)[0]!.comm, 'inner');
    }
    const listed = jsonLines(usdt(folder, 'list', '--all', '--json', 'webapp:*').stdout).filter(
      ({ file }) => file === '/mnt/inner',
    );
    assert.equal(listed.length, 4);
  } finally {
    kill(child);
  }
});

test('what a killed usdt left is removed by the next; what others have is not touched', {
  skip,
}, async () => {
  const killed = await start('webapp:*', '-f', program);
  const living = await start('webapp:request-start', '-f', program);
  const tracefs = findTracefs()!;
  fs.appendFileSync(`${tracefs}/uprobe_events`, `p:theirs_${process.pid}/mine ${program}:0x1000\n`);
  try {
    kill(killed, 'SIGKILL');
    await killed.exit;
    assert.ok(tracesOf(killed.pid).length > 0);
    const both = usdt(folder, 'trace', 'webapp:request-start', '--json', '-f', program, '--', program, '30');
    assert.equal(jsonLines(both.stdout).length, 30);
    assert.deepEqual(tracesOf(killed.pid), []);
    assert.ok(tracesOf(living.pid).length > 0);
    assert.match(
      fs.readFileSync(`${tracefs}/uprobe_events`, 'utf8'),
      new RegExp(`theirs_${process.pid}/mine`),
    );
    await until(() => living.events().length === 30, 'the same events in the other tracer');
  } finally {
    fs.appendFileSync(`${tracefs}/uprobe_events`, `-:theirs_${process.pid}/mine\n`);
    kill(living, 'SIGINT');
    await living.exit;
  }
});

test('files with blanks or # in their names, without a name, and changed since', { skip }, async () => {
  const blank = webapp(folder, 'a b\tc');
  // The kernel takes what is behind a # for a comment, and does not take long lines.
  const long = join(
    folder,
    'd'.repeat(200),
    'e'.repeat(200),
    'f'.repeat(200),
    'g'.repeat(200),
    'h'.repeat(200),
  );
  fs.mkdirSync(long, { recursive: true });
  for (const file of [blank, webapp(folder, 'a#b'), webapp(long)]) {
    const { stdout, stderr } = usdt(folder, 'trace', 'webapp:where', '--json', '--', file, '3');
    assert.equal(jsonLines(stdout).length, 3, stderr);
  }
  const deleted = webapp(folder, 'deleted');
  const child = spawn(deleted, ['1000', '10000']);
  try {
    await until(() => fs.readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes('deleted'), 'the program');
    fs.unlinkSync(deleted);
    assert.equal(
      jsonLines(usdt(folder, 'trace', 'webapp:where', '--json', '-n', '2', '-p', String(child.pid)).stdout)
        .length,
      2,
    );
  } finally {
    kill(child);
  }
});

test('lost events are counted, none is counted twice', { skip }, async () => {
  const tracer = await start('webapp:*', '-f', program, '--buffer', '64');
  kill(tracer, 'SIGSTOP');
  spawnSync(program, ['20000']);
  kill(tracer, 'SIGCONT');
  await until(() => tracer.events().length > 0, 'the first events');
  kill(tracer, 'SIGINT');
  assert.equal(await tracer.exit, 0);
  const seen = tracer.events().filter(({ probe }) => probe !== undefined).length;
  const [, lost] = /(\d+) lost\n$/.exec(tracer.errors())!;
  assert.ok(Number(lost) > 1000, tracer.errors());
  assert.equal(seen + Number(lost), 80_000);
});

test('a hundred thousand events of two threads of execution, in order, without loss', { skip }, () => {
  const { stdout, stderr } = usdt(
    folder,
    'trace',
    'webapp:request-start',
    '--json',
    '-c',
    `${program} 50000 & ${program} 50000; wait`,
  );
  const events = jsonLines(stdout);
  assert.match(stderr, / 0 lost\n$/);
  assert.equal(events.length, 100_000);
  const last = new Map<unknown, number>();
  let time = '';
  for (const event of events) {
    const n = (event.args as number[])[0]!;
    assert.equal(n, (last.get(event.pid) ?? -1) + 1);
    last.set(event.pid, n);
    assert.ok(String(event.time) >= time);
    time = String(event.time);
  }
  assert.equal(last.size, 2);
});
