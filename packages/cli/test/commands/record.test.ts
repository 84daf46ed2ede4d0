import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp } from '../../../../test/support/programs.ts';
import { jsonLines, MAIN, tracesOf, usdt, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { openTerminal } from '../terminal.ts';
import { checkFormat, type JsonTrace, readTrace } from '../trace-format.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
const REQUESTS = fileURLToPath(new URL('../fixtures/requests.mjs', import.meta.url));
const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache'), NO_COLOR: '1' };
const output = join(folder, 'trace.json');
const children: ChildProcess[] = [];
const killAll = (): void => {
  for (const child of children) kill(child, 'SIGKILL');
};
process.on('exit', killAll);
after(() => {
  killAll();
  fs.rmSync(folder, { recursive: true });
});
let program = '';
before(() => {
  if (skip) return;
  program = webapp(folder);
  // Its image is then known before it runs again.
  spawnSync(process.execPath, [REQUESTS, '0', '0'], { env });
});

/** The file as it is now; it must be in order. */
function trace(path = output): JsonTrace {
  const parsed = JSON.parse(fs.readFileSync(path, 'utf8')) as JsonTrace;
  checkFormat(parsed);
  return parsed;
}

/** Starts recording, and waits until it is attached. */
async function start(
  path: string,
  ...args: string[]
): Promise<{ child: ChildProcess; errors: () => string }> {
  const child = spawn(process.execPath, [MAIN, 'record', '-o', path, ...args], { env });
  children.push(child);
  let err = '';
  child.stderr.on('data', (data) => {
    err += data;
  });
  await until(() => err.includes('tracing'), 'the tracer');
  return { child, errors: () => err };
}

test('a libusdt program: slices that overlap, slices that nest, and instants', { skip }, async () => {
  const { status, stderr, stdout } = usdt(
    folder,
    'record',
    '-o',
    output,
    'shop:*',
    '--json',
    '--',
    process.execPath,
    REQUESTS,
    '10',
    '20',
  );
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /trace\.json: 120 events \(50 slices, 10 unfinished, 10 instants\), [\d.]+ kB, 0 lost: open it at https:\/\/ui\.perfetto\.dev\n$/,
  );
  const recorded = trace();
  const { traceEvents, otherData } = recorded;
  assert.deepEqual(
    [otherData.events, otherData.slices, otherData.instants, otherData.unfinished, otherData.lost],
    [120, 50, 10, 10, 0],
  );
  const [summary] = jsonLines(stdout);
  assert.deepEqual([summary!.file, summary!.slices, summary!.bytes], [output, 50, fs.statSync(output).size]);

  const read = await readTrace(recorded);
  const pids = [...new Set(traceEvents.map(({ pid }) => pid))];
  assert.equal(pids.length, 1);
  assert.deepEqual([...read.processes], [[pids[0], 'node']]);
  const requests = read.asyncSlices.filter(({ name }) => name === 'shop:request');
  assert.equal(requests.filter(({ dur }) => dur > 0).length, 30);
  // The program sleeps this long while they are open. In microseconds.
  for (const { dur, args } of requests as { dur: number; args: { done?: { arg0: number; arg1: number } } }[])
    if (args.done) assert.ok(dur > 15_000, `${dur} us`);
  const known = requests.map(({ args }) => args) as { start: Record<string, unknown>; done?: object }[];
  assert.deepEqual(
    known.find(({ start }) => start.arg0 === 40),
    { start: { arg0: 40, arg1: '/' }, done: { arg0: 40, arg1: 500 } },
  );
  assert.deepEqual(
    traceEvents
      .filter(({ ph, args }) => ph === 'b' && args.done === undefined)
      .map(({ args }) => args.start.arg0)
      .sort((a, b) => a - b),
    Array.from({ length: 10 }, (_, round) => round * 10 + 3),
  );
  // The inner slice and the outer.
  const renders = read.threadSlices.filter(({ name }) => name === 'shop:render');
  assert.deepEqual(
    renders
      .map(({ depth }) => depth)
      .sort()
      .join(''),
    '0'.repeat(10) + '1'.repeat(10),
  );
  const sold = traceEvents.filter(({ name }) => name === 'shop:sold');
  assert.deepEqual(sold[3]!.args, { arg0: -5_000_000_003, arg1: 'a "b"\n\u{1f600}', arg2: 2.5 });
});

test('slices as the user wants them, of a program with sdt.h', { skip }, () => {
  const { stderr } = usdt(
    folder,
    'record',
    '-o',
    output,
    'webapp:*',
    '--slice',
    'request-start,where',
    '--key',
    'tid',
    '--types',
    'webapp:request-start=_,string',
    '--',
    program,
    '5',
  );
  assert.match(stderr, /20 events \(5 slices, 10 instants\)/);
  const events = trace().traceEvents.filter(({ ph }) => ph !== 'M');
  const slices = events.filter(({ ph }) => ph === 'X');
  assert.deepEqual(
    slices.map(({ name, cat, args }) => [name, cat, args.start.arg1, args.done.arg1]),
    Array.from({ length: 5 }, (_, n) => ['webapp:request__start .. where', 'webapp', `/page/${n}`, 2.5]),
  );
  for (const { ts, dur } of slices) {
    const within = events.filter((event) => event.ph === 'i' && event.ts > ts && event.ts < ts + dur!);
    assert.deepEqual(
      within.map(({ name }) => name),
      ['webapp:types'],
    );
  }
});

test('pairs without a common key say what to do', { skip }, () => {
  const { stderr } = usdt(
    folder,
    'record',
    '-o',
    output,
    'webapp:*',
    '-s',
    'types,where',
    '-k',
    'arg0',
    '--',
    program,
    '3',
  );
  assert.match(
    stderr,
    /no webapp:types and webapp:where had the same arg0: --slice webapp:types,webapp:where --key tid makes slices by the thread/,
  );
  assert.equal(trace().traceEvents.filter(({ name }) => name === 'webapp:where').length, 3);
});

test('it is whole after signals, and when it is killed between writes', { skip }, async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    const path = join(folder, `${signal}.json`);
    const app = spawn(program, ['1000000', '300']);
    children.push(app);
    const { child } = await start(path, 'webapp:*', '-f', program);
    await until(() => fs.statSync(path).size > 50_000, 'events');
    if (signal === 'SIGKILL') {
      // Killed in the middle of a write it would be half written.
      kill(child, 'SIGSTOP');
      await until(() => /^State:\tT/m.test(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8')), 'the stop');
    }
    kill(child, signal);
    const [code] = await once(child, 'close');
    assert.equal(code, signal === 'SIGKILL' ? null : 0);
    kill(app);
    const { traceEvents, otherData } = trace(path);
    assert.ok(traceEvents.length > 300);
    assert.ok(Number(otherData.slices) > 0);
    if (signal !== 'SIGKILL') assert.deepEqual(tracesOf(child.pid!), []);
  }
});

test('the output may be a pipe', { skip }, () => {
  const command = `"${process.execPath}" "${MAIN}" record -q -o - webapp:where -- ${program} 7 | cat`;
  const { stdout } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
  const parsed = JSON.parse(stdout) as JsonTrace;
  checkFormat(parsed);
  assert.equal(parsed.traceEvents.filter(({ ph }) => ph === 'i').length, 7);
  assert.equal(usdt(folder, 'record', '-o', '-', '--json', 'webapp:where').status, 2);
});

test('a full disk ends it with an error, and the command too', { skip }, async () => {
  const disk = join(folder, 'disk');
  fs.mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
  try {
    const path = join(disk, 'trace.json');
    const pidFile = join(folder, 'pid');
    const run = usdt(
      folder,
      'record',
      '-o',
      path,
      'webapp:*',
      '-c',
      `echo $$ > ${pidFile}; exec ${program} 100000 100`,
    );
    assert.equal(run.status, 1);
    assert.match(run.stderr, /^usdt: can't write .*: the disk is full; it has what was recorded before$/m);
    assert.ok(trace(path).traceEvents.length > 200);
    const pid = fs.readFileSync(pidFile, 'utf8').trim();
    await until(() => !fs.existsSync(`/proc/${pid}`), 'the end of the command');
    assert.deepEqual(tracesOf(run.pid), []);
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
});

test('what can not be written or makes no sense is said before anything runs', { skip }, () => {
  const touched = join(folder, 'touched');
  const inNoFolder = usdt(
    folder,
    'record',
    '-o',
    `${folder}/no/x.json`,
    'webapp:*',
    '--',
    '/usr/bin/touch',
    touched,
  );
  assert.equal(inNoFolder.status, 1);
  assert.match(inNoFolder.stderr, /can't write .*\/no\/x\.json: there is no such folder/);
  assert.equal(fs.existsSync(touched), false);
  const path = join(folder, 'never.json');
  assert.equal(usdt(folder, 'record', 'webapp:*').status, 2);
  assert.equal(usdt(folder, 'record', '-o', path, 'webapp:*', '--key', 'arg0').status, 2);
  assert.equal(usdt(folder, 'record', '-o', path, 'nosuchprovider:*').status, 3);
  assert.equal(fs.existsSync(path), false);
});

test('lost events are noted in the trace', { skip }, async () => {
  const path = join(folder, 'lost.json');
  const { child, errors } = await start(path, 'webapp:*', '-f', program, '--buffer', '64');
  kill(child, 'SIGSTOP');
  spawnSync(program, ['20000']);
  kill(child, 'SIGCONT');
  // What it has not read by now it reads at its end.
  kill(child, 'SIGINT');
  await once(child, 'close');
  const { traceEvents, otherData } = trace(path);
  const lost = Number(otherData.lost);
  assert.ok(lost > 1000);
  assert.equal(Number(otherData.events) + lost, 80_000);
  assert.match(errors(), new RegExp(`, ${lost} lost: open it`));
  const notes = traceEvents
    .filter(({ s }) => s === 'g')
    .map(({ name }) => Number(/^(\d+) events? lost$/.exec(name)![1]));
  assert.equal(
    notes.reduce((a, b) => a + b, 0),
    lost,
  );
});

test('memory does not grow with the trace', { skip }, () => {
  // With all of it in memory this little heap would not do.
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--max-old-space-size=36',
      MAIN,
      'record',
      '-o',
      output,
      'webapp:request-*',
      '--buffer',
      '1024',
      '--',
      program,
      '110000',
      '1',
    ],
    { env, encoding: 'utf8' },
  );
  assert.equal(status, 4, stderr);
  assert.ok(fs.statSync(output).size > 32e6, stderr);
  assert.match(fs.readFileSync(output, 'utf8').slice(-400), /"events":\d+,"slices":\d+.*\}\n$/);
});

test('a progress line on a terminal', { skip: skip || without('tmux') }, async () => {
  const terminal = openTerminal(folder, 120, 20);
  const app = spawn(program, ['10000000', '500']);
  children.push(app);
  try {
    const path = join(folder, 'progress.json');
    terminal.run(`clear; usdt record -o ${path} 'webapp:*' -f ${program}`);
    const events = (text: string) => Number(/: \d+ s, (\d+) events, \d+ slices/.exec(text)?.[1] ?? 0);
    const early = await terminal.until((text) => events(text) > 0, 'progress');
    const later = await terminal.until((text) => events(text) > events(early), 'more progress');
    assert.equal(later.match(/recording/g)?.length, 1, 'one line, in place');
    assert.match(later, /[\d.]+ [kM]B, 0 lost \(Ctrl-C ends it\)/);
    terminal.press('C-c');
    const end = await terminal.until(
      (text) => /open it at/.test(text) && /ready> *$/.test(text.trimEnd()),
      'the end',
    );
    assert.equal(end.includes('recording'), false);
    assert.ok(trace(path).traceEvents.length > 10);
  } finally {
    kill(app);
    terminal.close();
  }
});
