/**
 * Scripts for other tracers of probes whose names were chosen to do harm: each is read by the real tool, those for the
 * shell are run in a folder of their own, and nothing runs that a name says.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { release } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { withoutPrograms } from '../../../../test/support/programs.ts';
import { usdt, withoutCommand, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { probeTitle } from '../../src/catalogue/probe.ts';
import { archive } from '../../src/scripts/archive.ts';
import { TRACERS } from '../../src/scripts/index.ts';
import { comment, type ScriptProbe } from '../../src/scripts/script.ts';
import { shown } from '../../src/text.ts';
import { foreignName, SPITEFUL, UNSEEN } from '../names.ts';
import { type Names, writeProgram } from './program.ts';

const folder = temporaryFolder();
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) kill(child, 'SIGKILL');
  fs.rmSync(folder, { recursive: true });
});
const skip = withoutPrograms() || withoutCommand();

const manyNames = fc.uniqueArray(fc.record({ provider: foreignName, name: foreignName }), {
  minLength: 15,
  maxLength: 30,
  selector: probeTitle,
});
/** Each of the ends of strings, comments and so on by itself, in either name. */
const SPITE: Names[] = SPITEFUL.flatMap((text) => [
  { provider: 'spite', name: `a${text}b` },
  { provider: `a${text}b`, name: 'spite' },
]);

interface Made {
  readonly text: string;
  /** Titles as messages have them. */
  readonly leftOut: readonly string[];
}

function make(tracer: string, program: string, ...more: readonly string[]): Made {
  const { stdout, stderr, status } = usdt(folder, 'script', tracer, '*:*', '-f', program, ...more);
  for (const text of [stdout, stderr]) for (const line of text.split('\n')) assert.doesNotMatch(line, UNSEEN);
  const lines = stderr.split('\n').filter((line) => / is left out: /.test(line));
  assert.ok(status === 0 || /no probe is left for/.test(stderr), stderr);
  const end = ` in ${shown(program)} is left out: `;
  return { text: stdout, leftOut: lines.map((line) => line.slice('usdt: '.length, line.indexOf(end))) };
}

/** Nothing has run that a name says, in any folder. */
function assertUnharmed(...folders: readonly string[]): void {
  for (const place of [folder, process.cwd(), ...folders])
    assert.ok(!fs.existsSync(join(place, 'stolen')), place);
}

/** Every probe is in the script, or is said to be left out. */
function assertComplete(made: Made, names: readonly Names[], inScript: number): void {
  const titles = new Set(names.map((name) => shown(probeTitle(name))));
  for (const title of made.leftOut) assert.ok(titles.has(title), title);
  assert.equal(inScript + made.leftOut.length, names.length, made.text);
}

/** Names at random, and those that were thought out. */
function forEach(check: (names: readonly Names[]) => void, numRuns = 3): void {
  check(SPITE);
  fc.assert(fc.property(manyNames, check), { numRuns, endOnFailure: true });
}

test('bpftrace reads its script as it is meant', {
  skip: skip || withoutTracing() || without('bpftrace'),
}, () => {
  forEach((names) => {
    const program = writeProgram(folder, names);
    const made = make('bpftrace', program);
    const points = made.text.match(/^usdt:/gm)?.length ?? 0;
    assertComplete(made, names, points);
    if (points === 0) return;
    const path = join(folder, 'names.bt');
    fs.writeFileSync(path, made.text);
    const { stdout, stderr, status } = spawnSync('bpftrace', ['-d', path], {
      encoding: 'latin1',
      cwd: folder,
    });
    assert.equal(status, 0, stderr);
    // It prints what it understood: one clause for each, which only prints.
    const [ast = ''] = stdout.split('\nAST after: Semantic');
    assert.equal(ast.match(/^ usdt:/gm)?.length, points, stdout);
    assert.deepEqual(
      [...new Set(Array.from(ast.matchAll(/^ *call: (\w+)/gm), ([, name]) => name))],
      ['printf'],
    );
    assertUnharmed();
  });
});

test('bpftrace traces what its script has: no name is another’s', {
  skip: skip || withoutTracing() || without('bpftrace'),
}, async () => {
  const names = SPITE.filter((_, index) => index % 3 === 0);
  const program = writeProgram(folder, names, join(folder, `p "'$1{;é`));
  const made = make('bpftrace', program);
  const wanted = names.filter((name) => !made.leftOut.includes(shown(probeTitle(name))));
  assert.ok(wanted.length > 15, made.leftOut.join('\n'));
  const path = join(folder, 'live.bt');
  fs.writeFileSync(path, made.text);
  children.push(spawn(program));
  const tracer = spawn('bpftrace', [path], { cwd: folder });
  children.push(tracer);
  let out = '';
  let err = '';
  tracer.stdout.on('data', (data) => {
    out += data;
  });
  tracer.stderr.on('data', (data) => {
    err += data;
  });
  const seen = (): Set<string> =>
    new Set(Array.from(out.matchAll(/^\d+ p \S+ \d+\/\d+ (.* arg0=\d+)$/gm), ([, event]) => event!));
  const titleOf = (name: Names): string => shown(probeTitle(name)).replaceAll('%', '\\u0025');
  const events = wanted.map((name) => `${titleOf(name)} arg0=${names.indexOf(name)}`);
  await until(() => seen().size >= events.length || tracer.exitCode !== null, 'all events').catch(() => {});
  kill(tracer, 'SIGINT');
  assert.deepEqual([...seen()].sort(), [...events].sort(), err);
  assertUnharmed();
});

/** SystemTap's semantic pass wants a kernel's build folder, of which it needs hardly anything for programs. */
function fakeKernel(): string {
  const kernel = join(folder, 'kernel');
  fs.mkdirSync(`${kernel}/include/config`, { recursive: true });
  fs.mkdirSync(`${kernel}/include/generated`, { recursive: true });
  fs.writeFileSync(`${kernel}/include/config/kernel.release`, `${release()}\n`);
  fs.writeFileSync(
    `${kernel}/.config`,
    'CONFIG_TRACEPOINTS=y\nCONFIG_UPROBES=y\nCONFIG_ARCH_SUPPORTS_UPROBES=y\n',
  );
  for (const name of ['Makefile', 'Module.symvers', 'include/generated/autoconf.h'])
    fs.writeFileSync(`${kernel}/${name}`, '');
  return kernel;
}

test('SystemTap resolves every probe that is in its script, and only those', {
  skip: skip || without('stap'),
}, () => {
  forEach((names) => {
    const program = writeProgram(folder, names);
    const made = make('systemtap', program);
    const points = made.text.match(/^probe /gm)?.length ?? 0;
    assertComplete(made, names, points);
    if (points === 0) return;
    const path = join(folder, 'names.stp');
    fs.writeFileSync(path, made.text);
    const { stdout, stderr, status } = spawnSync('stap', ['-p2', '-r', fakeKernel(), path], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${stderr}${made.text}`);
    const [, resolved] = stdout.split('# probes\n');
    assert.equal(
      resolved!
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('process(')).length,
      points,
    );
    assertUnharmed();
  }, 2);
});

/** A folder in which a script finds a tracefs and a perf that only take notes. */
function sandbox(name: string): string {
  const place = fs.mkdtempSync(join(folder, name));
  fs.mkdirSync(join(place, 'bin'));
  fs.mkdirSync(join(place, 'tracing'));
  fs.writeFileSync(join(place, 'tracing/uprobe_events'), '');
  fs.writeFileSync(join(place, 'bin/perf'), '#!/bin/sh\necho "perf $#" >> perf-ran\n', { mode: 0o755 });
  return place;
}

function runPerf(text: string): string[] {
  const place = sandbox('perf-');
  const path = join(place, 'script.sh');
  fs.writeFileSync(path, text.replaceAll('/sys/kernel/tracing', join(place, 'tracing')));
  for (const shell of ['sh', 'bash'].filter((name) => without(name) === false)) {
    assert.equal(spawnSync(shell, ['-n', path]).status, 0);
    fs.writeFileSync(join(place, 'tracing/uprobe_events'), '');
    const env = { ...process.env, PATH: `${place}/bin:${process.env.PATH}` };
    const { stderr, status } = spawnSync(shell, [path, '0'], { cwd: place, env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    assertUnharmed(place);
  }
  return fs.readFileSync(join(place, 'tracing/uprobe_events'), 'utf8').trimEnd().split('\n');
}

test('perf’s shell script defines and removes one event for each probe, and runs nothing else', {
  skip,
}, () => {
  forEach((names) => {
    const program = writeProgram(folder, names);
    const made = make('perf', program);
    assert.deepEqual(made.leftOut, [], 'no name is written but in comments');
    const lines = runPerf(made.text);
    const defined = lines.filter((line) => line.startsWith('p:'));
    for (const line of defined) assert.match(line, /^p:\w+\/\w{1,63} \/\S+:0x[0-9a-f]+ arg0=\\\d+:s32$/);
    const events = defined.map((line) => /^p:(\w+\/\w+) /.exec(line)![1]!);
    assert.equal(new Set(events).size, names.length);
    assert.deepEqual(
      lines.slice(defined.length),
      events.map((event) => `-:${event}`),
    );
  }, 5);
});

test('a file of any name: the shell’s own words, and what can’t be written is left out', { skip }, () => {
  const names = [{ provider: 'p', name: 'x' }];
  for (const name of [
    'a b',
    'a"b',
    "a'b",
    'a$(touch stolen)b',
    'a`touch stolen`b',
    "a'; touch stolen; 'b",
    'a"; touch stolen; "b',
    'a\\b',
    'a#b',
    'aàb',
    'a:b',
    'a%sb',
    'a*[b]?',
    '-rf',
  ]) {
    const program = writeProgram(folder, names, join(folder, name));
    const { text } = make('perf', program);
    const [definition] = runPerf(text);
    const place =
      /^[\w:%*?'"$();`\\[\]-]+$/.test(name) && !/[\s#]/.test(name) ? program : String.raw`/proc/\d+/fd/\d`;
    assert.ok(
      place === program
        ? definition!.includes(` ${program}:0x`)
        : /^p:\S+ \/proc\/\d+\/fd\/\d:0x[0-9a-f]+ arg0=\\0:s32$/.test(definition!),
      `${name}: ${definition}`,
    );
    const ebpf = make('ebpf_exporter', program);
    assert.equal(ebpf.leftOut.length, name.includes(':') ? 1 : 0);
    const bpftrace = make('bpftrace', program);
    assert.equal(bpftrace.leftOut.length, /[\\:*]/.test(name) ? 1 : 0, name);
  }
  for (const name of ['a\nb', 'a\x1b[2Jb', 'a\u202eb']) {
    const program = writeProgram(folder, names, join(folder, name));
    for (const tracer of ['bpftrace', 'systemtap', 'perf', 'ebpf_exporter'])
      assert.deepEqual(make(tracer, program).leftOut, ['p:x'], `${tracer} ${JSON.stringify(name)}`);
    assert.deepEqual(make('dtrace', program).leftOut, []);
  }
});

test('ebpf_exporter’s shell script writes two files and runs nothing; YAML and C say what is meant', {
  skip: skip || without('python3', 'clang', 'bpftool'),
}, (t) => {
  if (!fs.existsSync('/usr/include/bpf/usdt.bpf.h')) return t.skip('no headers of libbpf');
  if (spawnSync('python3', ['-c', 'import yaml']).status !== 0) return t.skip('no yaml module for python3');
  const vmlinux = join(folder, 'vmlinux.h');
  const btf = ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'];
  fs.writeFileSync(vmlinux, execFileSync('bpftool', btf, { maxBuffer: 1 << 28 }));
  forEach((names) => {
    const program = writeProgram(folder, names);
    const made = make('ebpf_exporter', program, '--by', 'arg0');
    const sections = made.text.match(/^SEC\("usdt/gm)?.length ?? 0;
    assertComplete(made, names, sections);
    if (sections === 0) return;
    const place = sandbox('ebpf-');
    fs.writeFileSync(join(place, 'write.sh'), made.text);
    for (const shell of ['sh', 'bash'].filter((name) => without(name) === false)) {
      const { stderr, status } = spawnSync(shell, ['write.sh'], { cwd: place, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.equal(stderr, '');
      assertUnharmed(place);
    }
    const files = fs.readdirSync(place).filter((name) => !['bin', 'tracing', 'write.sh'].includes(name));
    assert.equal(files.length, 2);
    const yaml = files.find((name) => name.endsWith('.yaml'))!;
    const parse = 'import json,sys,yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)';
    const { metrics } = JSON.parse(
      execFileSync('python3', ['-c', parse, yaml], { cwd: place, encoding: 'utf8' }),
    );
    const wanted = names.filter((name) => !made.leftOut.includes(shown(probeTitle(name))));
    const [counter, ...others] = metrics.counters as {
      name: string;
      help: string;
      labels: { decoders: { static_map?: Record<string, string> }[] }[];
    }[];
    assert.deepEqual(Object.values(counter!.labels[0]!.decoders[1]!.static_map!), wanted.map(probeTitle));
    assert.deepEqual(
      others.map(({ help }) => help),
      wanted.map((name) => `Events of ${probeTitle(name)}`),
    );
    const metricNames = [counter, ...others].map((each) => each!.name);
    assert.equal(new Set(metricNames).size, wanted.length + 1);
    for (const name of metricNames) assert.match(name, /^[a-zA-Z_]\w*$/);
    const source = files.find((name) => name.endsWith('.bpf.c'))!;
    const flags = [
      '-g',
      '-O1',
      '-target',
      'bpf',
      '-D__TARGET_ARCH_x86',
      `-I${folder}`,
      '-I/usr/include/x86_64-linux-gnu',
    ];
    const compiled = spawnSync('clang', [...flags, '-c', source, '-o', 'out.o'], {
      cwd: place,
      encoding: 'utf8',
    });
    assert.equal(compiled.status, 0, compiled.stderr);
    const found = execFileSync('readelf', ['-SW', join(place, 'out.o')], { encoding: 'utf8' });
    for (const { provider, name } of wanted) {
      // readelf itself escapes and cuts some.
      if (/^[\x21-\x7e]{1,40}$/.test(provider + name))
        assert.ok(found.includes(`usdt/${program}:${provider}:${name}`), `${provider}:${name}`);
    }
    assertUnharmed(place);
  }, 2);
});

test('several files in one: no line of theirs ends them', { skip: without('sh') }, () => {
  const place = sandbox('archive-');
  const files = [
    { name: 'one', text: 'END OF FILE\ntouch stolen\nEND OF FILE.\n$(touch stolen) `touch stolen` \\\n' },
    { name: "it's", text: '\'"END OF FILE\n' },
  ];
  execFileSync('sh', ['-c', archive(files)], { cwd: place });
  for (const { name, text } of files) assert.equal(fs.readFileSync(join(place, name), 'utf8'), text);
  assertUnharmed(place);
  const line = fc.constantFrom(
    'END OF FILE',
    'END OF FILE.',
    'END OF FILE..',
    '',
    "'",
    'touch stolen',
    '\\',
    '$x',
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const text = lines.map((each) => `${each}\n`).join('');
      execFileSync('sh', ['-c', archive([{ name: 'some', text }])], { cwd: place });
      assert.equal(fs.readFileSync(join(place, 'some'), 'utf8'), text);
    }),
    { numRuns: 30, endOnFailure: true },
  );
  assertUnharmed(place);
});

const D_WORDS = new Set(
  'printf timestamp execname pid tid uint64_t int64_t int32_t uint32_t arg0 copyinstr pragma D option quiet zdefs'.split(
    ' ',
  ),
);

/** The tokens of a D program, as dt_lex.l of DTrace divides it. @throws for what is none. */
function dTokens(text: string): string[] {
  const token =
    /\s+|\/\*[\s\S]*?\*\/|^#.*|"(?:[^"\\\n]|\\.)*"|[A-Za-z_][\w.*-]*:::[\w.-]+|[A-Za-z_]\w*|\d+|[{}(),;?:*/]|==/gmy;
  const tokens: string[] = [];
  let at = 0;
  while (at < text.length) {
    token.lastIndex = at;
    const match = token.exec(text);
    assert.ok(match, `not D: ${JSON.stringify(text.slice(at, at + 60))}`);
    at = token.lastIndex;
    if (/^[^\s/#]/.test(match[0])) tokens.push(match[0]);
  }
  return tokens;
}

test('D: clauses that print, and nothing else', { skip }, () => {
  forEach((names) => {
    const program = writeProgram(folder, names);
    const made = make('dtrace', program);
    const tokens = dTokens(made.text);
    const points = tokens.filter((token) => token.includes(':::'));
    const titles = new Set(names.map(({ provider, name }) => `${provider}*:::${name.replaceAll('__', '-')}`));
    for (const point of points) assert.ok(titles.has(point), point);
    assert.equal(tokens.filter((token) => token === '{').length, points.length);
    for (const token of tokens)
      if (/^\w+$/.test(token) && !/^\d/.test(token))
        assert.ok(D_WORDS.has(token), `${token} in ${made.text}`);
    for (const format of tokens.filter((token) => token.startsWith('"%d')))
      assert.equal(format.replaceAll('%%', '').match(/%/g)!.length, 5, format);
    assert.equal(points.length > 0, made.text !== '', made.text);
  });
  assert.throws(() => dTokens('x*:::y { printf("a\nb"); }'), /not D/, 'the check can fail');
  assert.throws(() => dTokens('x*:::y { `system` }'), /not D/);
});

test('comments stay one line, also in C, whatever they end with', () => {
  for (const sign of ['//', '#', ' *'])
    for (const text of [...SPITEFUL, 'a\\', 'a??/', 'a\\ ', 'a\nb', '']) {
      const line = comment(sign, [text]);
      assert.doesNotMatch(line, /[\n\r]/);
      assert.doesNotMatch(line, /(?:\\|\?\?\/)\s*$/);
    }
});

test('types and names that a program declares are foreign too', () => {
  const base = { size: 8, kind: 'integer', signed: true, scale: 1, isSigned: true, text: false } as const;
  const file = { key: '', arch: 'x64', path: '/bin/true', openPath: '/bin/true', fixed: false, sites: [] };
  const site = { offset: 16n, semaphoreOffset: undefined, arguments: [], address: 16n };
  fc.assert(
    fc.property(foreignName, foreignName, foreignName, (provider, name, type) => {
      const probe = {
        ...{ provider, name, sdtProvider: provider, sdtName: name, path: '/bin/true', file, sites: [site] },
        arguments: [
          { ...base, name: type },
          { ...base, kind: 'double', name: type },
        ],
      } as unknown as ScriptProbe;
      for (const [tracer, { generate, obstacle }] of Object.entries(TRACERS)) {
        if (obstacle(probe) !== undefined) continue;
        const command = `usdt script ${name}`;
        for (const { name: path, text } of generate({ probes: [probe], pids: [], command, by: [1] })) {
          assert.equal(basename(path), path);
          assert.match(path, /^[\w][\w.-]{0,60}$/, tracer);
          for (const line of text.split('\n')) assert.doesNotMatch(line, UNSEEN);
        }
      }
    }),
    { numRuns: 500 },
  );
});
