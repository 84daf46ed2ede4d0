import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
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
import { sleep, until } from '../../../../test/support/wait.ts';
import { openTerminal } from '../terminal.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
const REQUESTS = fileURLToPath(new URL('../fixtures/requests.mjs', import.meta.url));
const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache'), NO_COLOR: '1' };
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

interface Row {
  readonly probe: string;
  readonly by?: unknown[];
  readonly count: number;
  readonly rate: number;
}
interface Latencies {
  readonly start: string;
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly pending: number;
  readonly unmatched: number;
  readonly buckets: number[];
  readonly groups?: { by: unknown[]; count: number }[];
}
interface Line {
  readonly final: boolean;
  readonly events: number;
  readonly lost: number;
  readonly interval: number;
  readonly counts: Row[];
  readonly latencies: Latencies[];
}

const lines = (text: string) => jsonLines(text) as unknown as Line[];
const requests = (...args: string[]) => ['--', process.execPath, REQUESTS, ...args];

test('counts and latencies of a libusdt program, as JSON', { skip }, () => {
  const { stdout, stderr, status } = usdt(
    folder,
    'stat',
    'shop:*',
    '--latency',
    'request-start,request-done',
    '--key',
    'arg0',
    '--latency',
    'render-begin,render-end',
    '--key',
    'tid',
    '--json',
    '-i',
    '0.1',
    ...requests('30', '20'),
  );
  assert.equal(status, 0, stderr);
  const all = lines(stdout);
  assert.ok(all.length > 2, 'a line for each interval');
  const last = all.at(-1)!;
  assert.deepEqual(
    all.map(({ final }) => final),
    [...Array.from({ length: all.length - 1 }, () => false), true],
  );
  assert.deepEqual([last.events, last.lost], [30 * 12, 0]);
  assert.deepEqual(
    last.counts.map(({ probe, count }) => [probe, count]),
    [
      ['request-start', 120],
      ['request-done', 90],
      ['render-begin', 60],
      ['render-end', 60],
      ['sold', 30],
    ],
  );
  // Rates are of their interval: together they give the counts.
  for (const name of ['request-start', 'sold']) {
    const rows = all.slice(0, -1).map(({ counts, interval }) => {
      const { rate } = counts.find(({ probe }) => probe === name)!;
      return rate * interval;
    });
    const known = all.at(-2)!.counts.find(({ probe }) => probe === name)!.count;
    assert.ok(Math.abs(rows.reduce((a, b) => a + b, 0) - known) < 0.05 * known + 1);
  }
  const [request, render] = last.latencies;
  assert.deepEqual([request!.count, request!.pending, request!.unmatched], [90, 30, 0]);
  // The program sleeps this long between them.
  assert.ok(request!.min > 15e6, `${request!.min} ns`);
  for (const { min, p50, p90, p99, max } of last.latencies)
    assert.ok(min <= p50 && p50 <= p90 && p90 <= p99 && p99 <= max);
  assert.deepEqual([render!.count, render!.pending, render!.unmatched], [60, 0, 0]);
  assert.equal(
    request!.buckets.reduce((a, b) => a + b, 0),
    90,
  );
});

test('groups of counts and of latencies', { skip }, () => {
  const { stdout } = usdt(
    folder,
    'stat',
    'shop:request-*',
    '--by',
    'start.arg1',
    '--latency',
    'request-start,request-done',
    '--json',
    ...requests('20', '1'),
  );
  const last = lines(stdout).at(-1)!;
  assert.deepEqual(
    last.counts.map(({ by, count }) => [by, count]),
    [
      [['/'], 40],
      [['/cart'], 40],
      [undefined, 60],
    ],
  );
  assert.deepEqual(
    last.latencies[0]!.groups!.map(({ by, count }) => [by, count]),
    [
      [['/'], 40],
      [['/cart'], 20],
    ],
  );
  const plain = usdt(folder, 'stat', 'shop:request-done', '--by', 'arg1,comm', ...requests('20', '1'));
  assert.match(plain.stdout, /^PROBE +arg1, comm +COUNT +RATE\/S/m);
  assert.match(plain.stdout, /^shop:request-done +200, \S+ +40 +\d/m);
  assert.match(plain.stdout, /^shop:request-done +500, \S+ +20 +\d/m);
});

test('a program with sdt.h, that others run, in lines', { skip }, async () => {
  const child = spawn(program, ['1000000', '2000']);
  children.push(child);
  const { stdout, stderr, status } = usdt(
    folder,
    'stat',
    '-p',
    String(child.pid),
    '--latency',
    'webapp:request-start,request-done',
    '--key',
    'arg0',
    '-i',
    '0.3',
    '-d',
    '1.5',
  );
  kill(child);
  assert.equal(status, 0);
  assert.match(stderr, /^usdt: tracing webapp:request__start, webapp:request__done\n/);
  assert.match(stderr, /usdt: \d+ events in \d+\.\d s, 0 lost\n$/);
  const periodic = stdout.split('\n').filter((line) => /^\d\d:\d\d:\d\d {2}/.test(line));
  assert.ok(periodic.length >= 6, stdout);
  assert.match(periodic[0]!, /^\d\d:\d\d:\d\d {2}webapp:request__start {2}count \d+ {2}rate [\d.]+\/s$/);
  assert.match(
    periodic[2]!,
    /webapp:request__start -> webapp:request__done {2}count \d+ {2}p50 [\d.]+us {2}p90 \S+ {2}p99 \S+ {2}max \S+ {2}pending [01]/,
  );
  assert.match(stdout, /\n[\d.]+us \.\. [\d.]+us +\d+ {2}[#█]+\n/, 'the histogram at the end');
});

test('lost events are shown', { skip }, async () => {
  const child = spawn(
    process.execPath,
    [MAIN, 'stat', 'webapp:*', '-f', program, '--buffer', '64', '--json'],
    {
      env,
    },
  );
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  await until(() => err.includes('\n'), 'the tracer');
  kill(child, 'SIGSTOP');
  spawnSync(program, ['20000']);
  kill(child, 'SIGCONT');
  await until(() => /lost so far/.test(err), 'a word of what was lost');
  kill(child, 'SIGINT');
  await once(child, 'close');
  const { events, lost } = lines(out).at(-1)!;
  assert.ok(lost > 1000);
  assert.equal(events + lost, 80_000);
  assert.match(err, new RegExp(`${lost} events lost so far`));
  assert.deepEqual(tracesOf(child.pid!), []);
});

test('what makes no sense, and what is not there', { skip }, () => {
  const status = (...args: string[]) => usdt(folder, 'stat', ...args).status;
  assert.equal(status(), 2);
  assert.equal(status('webapp:*', '-f', program, '--by', 'arg9'), 2);
  assert.equal(status('webapp:*', '--by', 'what'), 2);
  assert.equal(status('webapp:*', '--latency', 'request-start'), 2);
  assert.equal(status('webapp:*', '--key', 'arg0'), 2);
  assert.equal(status('webapp:*', '-f', program, '-l', 'request-start,where', '-k', 'arg2'), 2);
  assert.equal(status('webapp:*', '-i', '0'), 2);
  assert.equal(status('nosuchprovider:*'), 3);
  const { stderr } = usdt(folder, 'stat', 'webapp:*', '-f', program, '-l', 'request-start,nope', '-d', '0.1');
  assert.match(stderr, /--latency: no traced probe matches nope yet/);
});

test('a live screen on a terminal, its keys, and the terminal as it was afterwards', {
  skip: skip || without('tmux'),
}, async () => {
  const terminal = openTerminal(folder, 100, 30);
  const app = spawn(program, ['10000000', '500']);
  children.push(app);
  try {
    const command = `usdt stat 'webapp:*' -f ${program} -i 0.2 --by done.arg1 -l request-start,request-done -k arg0`;
    terminal.run(command);
    const screen = await terminal.until(
      (text) => /request__done +200 +\d/.test(text) && /█/.test(text) && /p99/.test(text),
      'the screen',
    );
    assert.ok(terminal.taken());
    assert.equal(terminal.cursorShown(), false);
    assert.match(screen, /^usdt stat webapp:\*\n/);
    assert.match(screen, /\d+ events {2}0 lost/);
    assert.match(screen, /PROBE +done\.arg1 +COUNT +RATE\/S/);
    assert.match(screen, /webapp:request__start +\d+ +[\d.]+ /);
    assert.match(screen, /webapp:request__start → webapp:request__done {2}by arg0 {2}[01] pending/);
    assert.match(screen, /^all +\d+ +[\d.]+[mun]s/m);
    assert.match(screen, /^ *[\d.]+[un]s +\.\. [\d.]+[mun]s +\d+ {2}[█▏▎▍▌▋▊▉]+$/m);
    assert.match(screen, /q quit {2}r count anew {2}space pause/);

    const counted = (text: string) => Number(/(\d+) events/.exec(text)?.[1]);
    const before = counted(screen);
    await terminal.until((text) => counted(text) > before, 'a later frame');
    terminal.press('Space');
    const paused = await terminal.until((text) => /space go on/.test(text), 'the pause');
    // Nothing comes, in the time of three frames.
    await sleep(700);
    assert.equal(counted(terminal.screen()), counted(paused));
    terminal.press('Space');
    const after = await terminal.until((text) => counted(text) > counted(paused), 'going on');
    terminal.press('r');
    await terminal.until((text) => counted(text) < counted(after), 'counting anew');

    terminal.resize(60, 16);
    await terminal.until(
      (text) => /^usdt stat/.test(text) && /q quit/.test(text.trimEnd().split('\n').at(-1)!),
      'the smaller screen',
    );
    terminal.resize(100, 30);
    terminal.press('q');
    const end = await terminal.until(
      (text) => /\d+ events in [\d.]+ s, 0 lost\nready> *$/.test(text.trimEnd()),
      'the end',
    );
    assert.match(end, /PROBE +done\.arg1/, 'the last numbers stay');
    assert.equal(terminal.taken(), false);
    assert.ok(terminal.cursorShown());
    terminal.run('clear; stty -a | grep -o "[-]icanon" || echo "lines again"');
    await terminal.until((text) => /^lines again$/m.test(text), 'input by lines');

    // However it ends, and when it stops in between.
    terminal.run(command);
    await terminal.until((text) => /q quit/.test(text), 'the screen again');
    terminal.press('C-z');
    await terminal.until((text) => /Stopped/.test(text) && !terminal.taken(), 'the shell in between');
    terminal.run('fg');
    await terminal.until((text) => /q quit/.test(text) && terminal.taken(), 'the screen once more');
    terminal.press('C-c');
    await terminal.until(
      (text) => /ready> *$/.test(text.trimEnd()) && !terminal.taken(),
      'the end by Ctrl-C',
    );
    terminal.run(`clear; ${command}`);
    await terminal.until((text) => /q quit/.test(text) && terminal.taken(), 'the screen for the last time');
    process.kill(terminal.child(), 'SIGTERM');
    await terminal.until((text) => /lost\n/.test(text) && !terminal.taken(), 'the end by SIGTERM');
    assert.ok(terminal.cursorShown());
  } finally {
    kill(app);
    terminal.close();
  }
});

test('a screen beside a command of its own', { skip: skip || without('tmux') }, async () => {
  const terminal = openTerminal(folder, 90, 24);
  try {
    terminal.run(`usdt stat 'webapp:*' -i 0.2 -- ${program} 1000000 1000; echo "status $?"`);
    await terminal.until(
      (text) => /request__done +\d\d+ .*▇?█/.test(text) && /Ctrl-C ends it/.test(text),
      'it',
    );
    terminal.press('C-c');
    await terminal.until((text) => /status 130/.test(text), 'the exit code of the command');
    assert.equal(terminal.taken(), false);
  } finally {
    terminal.close();
  }
});
