/** Names that were chosen to do harm, of probes, files and threads, as each command shows them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { withoutPrograms } from '../../../../test/support/programs.ts';
import { jsonLines, MAIN, usdt, withoutCommand, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { probeTitle } from '../../src/catalogue/probe.ts';
import { shown } from '../../src/text.ts';
import { foreignName, SPITEFUL } from '../names.ts';
import { openTerminal } from '../terminal.ts';
import { inHex, type Names, writeProgram } from './program.ts';

const folder = temporaryFolder();
const skip = withoutTracing();

/** Lines of what a terminal acts on: none. */
function assertHarmless(text: string): void {
  for (const line of text.split('\n')) assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u);
}

const titleOf = ({ provider, name }: Names): string => shown(probeTitle({ provider, name }));
const keyOf = (names: { provider?: unknown; probe?: unknown }): string =>
  JSON.stringify([names.provider, names.probe]);

/** Each once. */
function distinct(names: readonly Names[]): Names[] {
  const known = new Map(
    names.map(({ provider, name }) => [keyOf({ provider, probe: name }), { provider, name }]),
  );
  return [...known.values()];
}

test('list: whatever names a file has, each is shown on a line of its own, and exact in JSON', {
  skip: withoutPrograms() || withoutCommand(),
}, () => {
  const names = fc.array(fc.record({ provider: foreignName, name: foreignName }), {
    minLength: 30,
    maxLength: 60,
  });
  fc.assert(
    fc.property(names, (some) => {
      const wanted = distinct(some);
      const program = writeProgram(folder, wanted);
      const table = usdt(folder, 'list', program);
      assert.equal(table.status, 0, table.stderr);
      assertHarmless(table.stdout);
      const rows = table.stdout.trimEnd().split('\n').slice(1);
      assert.deepEqual(
        rows.map((row) => row.split(/ {2,}/)[0]),
        wanted.map(titleOf),
      );
      assert.equal(new Set(rows).size, wanted.length);
      const verbose = usdt(folder, 'list', '-v', program).stdout;
      assertHarmless(verbose);
      assert.equal(verbose.split('\n').filter((line) => /^ {2}\S/.test(line)).length, wanted.length);
      const json = usdt(folder, 'list', '--json', program).stdout;
      assertHarmless(json);
      assert.deepEqual(
        jsonLines(json).map(keyOf),
        wanted.map(({ provider, name }) => keyOf({ provider, probe: name })),
      );
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

/** Those that a probe could have to do harm where it is traced. */
const TRACED: Names[] = distinct([
  ...SPITEFUL.filter((_, index) => index % 3 === 0).map((text) => ({ provider: 'spite', name: `a${text}b` })),
  { provider: 'spite\x1b[2J\n', name: 'x-start' },
  { provider: 'spite\x1b[2J\n', name: 'x-done' },
  { provider: 'spite:a', name: 'b' },
  { provider: 'spite', name: 'a:b' },
  { provider: 'spite', name: '\udcff' },
  { provider: 'spite', name: '\udcfe' },
  { provider: 'spite', name: '\\xff' },
  { provider: 'spite', name: `${'long'.repeat(1250)}1` },
  { provider: 'spite', name: `${'long'.repeat(1250)}2` },
]);
/** Fifteen bytes at most; the last is half of a character. */
const COMM = 'a\x1b[2J\n"\\\udcc3';
let program = '';
let child: ChildProcess;
before(() => {
  if (skip) return;
  fs.mkdirSync(join(folder, 'traced'));
  program = writeProgram(join(folder, 'traced'), TRACED, join(folder, 'traced', 'p\x1b[2J\nusdt: \u202ex'));
  child = spawn(program, [inHex(COMM)], { stdio: 'ignore' });
});
after(() => child && kill(child));

const all = (...more: readonly string[]): string[] => ['*:*', '-f', program, ...more];

test('trace: lines for people, and JSON', { skip }, () => {
  const { stdout, stderr, status } = usdt(folder, 'trace', ...all('-n', '200'));
  assert.equal(status, 0, stderr);
  assertHarmless(stdout);
  assertHarmless(stderr);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 200);
  for (const names of TRACED) {
    const line = lines.find((text) =>
      text.includes(` ${titleOf(names)}  int32_t arg0=${TRACED.indexOf(names)}`),
    );
    assert.ok(line?.includes(`  ${shown(COMM)} ${child.pid} `), titleOf(names));
  }
  const json = usdt(folder, 'trace', '--json', ...all('-n', '200')).stdout;
  assertHarmless(json);
  const events = jsonLines(json);
  for (const event of events) {
    const { provider, name } = TRACED[(event.args as number[])[0]!]!;
    assert.equal(keyOf(event), keyOf({ provider, probe: name }));
    assert.equal(event.comm, COMM);
  }
});

test('stat: lines, a summary, and JSON', { skip }, () => {
  const plain = usdt(folder, 'stat', ...all('--plain', '--by', 'comm', '-d', '1.5'));
  assert.equal(plain.status, 0, plain.stderr);
  assertHarmless(plain.stdout);
  assertHarmless(plain.stderr);
  const [, lines, summary] = /^(.*?\n)(PROBE .*)$/s.exec(plain.stdout)!;
  for (const names of TRACED)
    assert.ok(lines!.includes(`  ${titleOf(names)}  ${shown(COMM)}  count `), titleOf(names));
  const rows = summary!.trimEnd().split('\n').slice(1);
  assert.equal(new Set(rows.map((row) => row.split(/ {2,}/)[0])).size, TRACED.length, summary);
  const last = jsonLines(usdt(folder, 'stat', '--json', ...all('--by', 'comm', '-d', '0.5')).stdout).at(-1)!;
  const counts = last.counts as { provider: string; probe: string; by: string[] }[];
  assert.deepEqual(
    counts.map(keyOf),
    TRACED.map(({ provider, name }) => keyOf({ provider, probe: name })),
  );
  assert.deepEqual([...new Set(counts.flatMap(({ by }) => by))], [COMM]);
});

test('stat: the live screen stays as it is drawn', { skip: skip || without('tmux') }, async () => {
  // By a path that can be typed.
  const link = join(folder, 'link');
  fs.symlinkSync(program, link);
  const terminal = openTerminal(folder, 150, 60);
  try {
    terminal.run(`usdt stat 'sp*:*' -f ${link} --latency '*:x-start,x-done' --key tid --by comm`);
    const screen = await terminal.until((text) => / [1-9]\d* events/.test(text), 'counts');
    assert.match(screen, /^usdt stat sp\*:\*/);
    for (const { provider, name } of TRACED)
      assert.ok(screen.includes(`\n${shown(probeTitle({ provider, name }), 48)} `), name);
    assert.ok(screen.includes(shown(COMM)));
    assert.ok(screen.includes('spite\\u001b[2J\\n:x-start → spite\\u001b[2J\\n:x-done'), screen);
    terminal.press('q');
    await terminal.until((text) => /events in .* lost/.test(text) && !terminal.taken(), 'the end');
  } finally {
    terminal.close();
  }
});

test('record: a trace with the exact names', { skip }, () => {
  const out = join(folder, 'trace.json');
  const { stderr, status } = usdt(
    folder,
    'record',
    '-o',
    out,
    ...all('-d', '0.5', '-s', '*:x-start,x-done', '-k', 'tid'),
  );
  assert.equal(status, 0, stderr);
  assertHarmless(stderr);
  const text = fs.readFileSync(out, 'utf8');
  assertHarmless(text);
  const { traceEvents } = JSON.parse(text) as {
    traceEvents: { ph: string; name: string; args: { name?: string; arg0?: number } }[];
  };
  const names = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args.name);
  assert.deepEqual([...new Set(names)], [COMM]);
  for (const { ph, name, args } of traceEvents)
    if (ph === 'i') assert.equal(name, probeTitle(TRACED[args.arg0!]!));
  assert.ok(
    traceEvents.some(({ ph, name }) => ph === 'X' && name === 'spite\x1b[2J\n:x'),
    'a slice',
  );
});

test('export: labels that promtool takes, one series for each probe', {
  skip: skip || without('promtool'),
}, async () => {
  const args = [MAIN, 'export', ...all('--listen', '127.0.0.1:0', '--by', 'comm', '--json')];
  const agent = spawn(process.execPath, args, {
    env: { ...process.env, LIBUSDT_DIR: join(folder, 'cache') },
  });
  let out = '';
  let err = '';
  agent.stdout.on('data', (data) => {
    out += data;
  });
  agent.stderr.on('data', (data) => {
    err += data;
  });
  try {
    await until(() => out.includes('\n'), 'the address');
    const { url } = JSON.parse(out) as { url: string };
    let text = '';
    for (let i = 0; i < 100 && !text.includes('usdt_events_total{'); i++)
      text = await (await fetch(url)).text();
    assertHarmless(err);
    const check = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.equal(check.status, 0, check.stderr);
    const series = Array.from(
      text.matchAll(/^usdt_events_total\{((?:[^"\n]|"(?:[^"\\\n]|\\.)*")*)\} \d+$/gm),
      ([, labels]) => labels!,
    );
    assert.equal(new Set(series).size, TRACED.length);
    const labels = series.map((labels) =>
      Object.fromEntries(
        Array.from(labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, name, value]) => [
          name,
          value!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)),
        ]),
      ),
    );
    const exact = TRACED.filter(({ name }) => !/[\\\p{Cs}]/u.test(name));
    for (const { provider, name } of exact)
      assert.ok(
        labels.some((label) => label.provider === provider && label.probe === name),
        name,
      );
    for (const probe of ['\\xff', '\\xfe', '\\\\xff'])
      assert.ok(
        labels.some((label) => label.probe === probe),
        probe,
      );
  } finally {
    kill(agent, 'SIGINT');
  }
});

test('messages about files, patterns and options of any name', { skip }, () => {
  const name = `${folder}/no\x1b[2J\nusdt: such\u202e`;
  const damaged = join(folder, 'damaged\x1b[2J\nusdt: forged');
  fs.writeFileSync(damaged, '\x7fELF\x02\x01\x01');
  const runs: readonly (readonly string[])[] = [
    ['list', name],
    ['list', damaged],
    ['list', folder],
    ['trace', `x\x1b[2J\n:`],
    ['trace', `none\x1b[2J\nusdt: forged:*`, '-f', program],
    ['trace', '*:*', '-f', name],
    ['trace', '*:*', '-f', program, '--where', 'comm == "\x1b[2J\nusdt: forged'],
    ['trace', '*:*', '-f', program, '--types', '\x1b[2J\nusdt: forged'],
    ['stat', '*:*', '-f', program, '--by', '\x1b[2J\nusdt: forged'],
    ['stat', '--latency', '\x1b[2J\nusdt: forged'],
    ['record', '*:*', '-f', program, '-o', `${folder}/none\x1b[2J\nusdt: forged/x`],
    ['export', '*:*', '-f', program, '--listen', '\x1b[2J\nusdt: forged'],
    ['script', '\x1b[2J\nusdt: forged', '*:*'],
    ['script', 'perf', 'none\x1b[2J\nusdt: forged:*'],
    ['script', 'perf', '*:*', '-f', name],
    ['build', name, '-o', 'x'],
    ['build', damaged, '-o', 'x'],
    ['\x1b[2J\nusdt: forged'],
    ['list', '--\x1b[2J\nusdt: forged'],
    ['doctor', '\x1b[2J\nusdt: forged'],
  ];
  for (const args of runs) {
    const { stdout, stderr, status } = usdt(folder, ...args);
    const what = `${JSON.stringify(args)}: ${stripVTControlCharacters(stderr)}`;
    assert.notEqual(status, 0, what);
    assertHarmless(stdout);
    assertHarmless(stderr);
    assert.notEqual(stderr, '', what);
    assert.doesNotMatch(stderr, /^usdt: (?:forged|such)/m, what);
  }
});

test('files of any name are traced, also where the kernel would divide or cut it', { skip }, () => {
  const names = [{ provider: 'path', name: 'x' }];
  for (const name of ['a b', 'a\nb', 'aàb', 'a#b', 'a"b', 'a%sb', 'a:b(c)']) {
    const path = writeProgram(folder, names, join(folder, name));
    const running = spawn(path, { stdio: 'ignore' });
    try {
      const { stdout, stderr, status } = usdt(folder, 'trace', 'path:x', '-f', path, '-n', '2', '--json');
      assert.equal(status, 0, stderr);
      assert.equal(jsonLines(stdout).length, 2);
      const [listed] = jsonLines(usdt(folder, 'list', '--json', '-p', String(running.pid)).stdout);
      assert.equal(listed!.file, path, 'as /proc/PID/maps has it');
    } finally {
      kill(running);
    }
  }
});
