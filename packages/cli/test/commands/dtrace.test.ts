/**
 * Programs that were made for DTrace, on this system: what `usdt list` shows of them, and that they can be traced without it.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildImage, defineImage, dofAttributes, encodeDof, readElf } from 'libusdt/codecs';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { fixtureProgram, withoutPrograms } from '../../../../test/support/programs.ts';
import { jsonLines, MAIN, usdt, withoutCommand, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { symbolAddresses } from '../../src/catalogue/symbols.ts';
import { addSection } from '../sections.ts';

const folder = temporaryFolder();
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/dtrace-g/${name}`, import.meta.url));
const skip = withoutPrograms() || withoutCommand();

/** See fixtures/dtrace-g/README.md. */
const shop = (): string => fixtureProgram(folder, 'shop');

/** Events of one run, without what differs between runs. */
function trace(pattern: string, ...command: readonly string[]): { events: string[]; stderr: string } {
  const { stdout, stderr } = usdt(folder, 'trace', '--json', pattern, '--', ...command);
  const events = jsonLines(stdout).map(
    ({ provider, probe, args }) => `${provider}:${probe} ${JSON.stringify(args)}`,
  );
  return { events, stderr };
}

test('a program of DTrace for Linux: names, functions, types, translation and questions of its notes', {
  skip,
}, () => {
  const program = shop();
  const listed = jsonLines(usdt(folder, 'list', '--json', program).stdout);
  assert.deepEqual(
    listed.map(({ provider, probe, module, function: name, formats }) => [
      provider,
      probe,
      module,
      name,
      formats,
    ]),
    ['request-start', 'request-done', 'idle', 'swapped'].map((name) => [
      'shop',
      name,
      'shop',
      'main',
      ['usdt'],
    ]),
  );
  const types = ({ arguments: args }: Record<string, unknown>): string[] =>
    (args as { type: string; operand: string }[]).map(({ type, operand }) => `${type} ${operand}`);
  assert.deepEqual(listed.map(types), [
    // As in shop.c: gcc knows what is constant.
    [
      'int %ebx',
      'char * %r14',
      'uint64_t $1234567890123',
      'long $4',
      'long $5',
      'long $6',
      'long $7',
      'int8_t $-8',
    ],
    ['int %ebx', 'unsigned short $404'],
    [],
    ['char * %r12', 'int %ebx'],
  ]);
  assert.deepEqual(
    listed.map(({ translated }) => translated),
    [
      undefined,
      undefined,
      undefined,
      [
        { type: 'int', argument: 1 },
        { type: 'char *', argument: 0 },
      ],
    ],
  );
  // Each place is a nop of one byte, and the question comes before its probe.
  const code = fs.readFileSync(program);
  const [, done] = listed;
  const question = Number((done!.enabled as string[])[0]);
  assert.ok(question < Number(done!.address) && Number(done!.address) - question < 16);
  for (const { offset } of listed) assert.equal(code[Number(offset)], 0x90);
  assert.equal(code[Number(done!.offset) + question - Number(done!.address)], 0x90);
  assert.deepEqual(
    listed.map(({ enabled }) => enabled === undefined),
    [true, false, true, true],
  );
  const text = usdt(folder, 'list', '-v', program, 'shop:swapped').stdout;
  assert.match(
    text,
    / {2}shop:swapped {2}at 0x[0-9a-f]+ {2}traced: -\n {4}function main {2}module shop\n {4}arg0 {2}char \* {2}%r12\n {4}arg1 {2}int {2}%ebx\n {4}args\[0\] {2}int {2}from arg1\n {4}args\[1\] {2}char \* {2}from arg0\n$/,
  );
});

test('before it is linked: names and types, and that it can not be traced', { skip }, () => {
  const listed = jsonLines(usdt(folder, 'list', '--json', fixture('shop.o')).stdout);
  assert.deepEqual(
    listed.map(({ probe, offset, untraceable }) => [probe, offset, untraceable]),
    ['request-start', 'request-done', 'idle', 'swapped'].map((name) => [
      name,
      null,
      'the file is not linked yet',
    ]),
  );
  const { status, stderr } = usdt(folder, 'list', fixture('notes.o'));
  assert.deepEqual([status, stderr], [3, 'usdt: no probes\n']);
});

test('it is traced without DTrace, and what only DTrace could see is told', {
  skip: skip || withoutTracing(),
}, () => {
  const { events, stderr } = trace('shop:*', shop(), '2');
  assert.deepEqual(
    events,
    [0, 1].flatMap((i) => [
      `shop:request-start [${i},"/hello",1234567890123,4,5,6,7,-8]`,
      'shop:idle []',
      `shop:swapped ["name",${i}]`,
    ]),
  );
  assert.match(
    stderr,
    /shop:request-done in \S+\/shop may stay silent: before it fires, the program asks whether DTrace has enabled it\n/,
  );
  assert.doesNotMatch(stderr, /shop:idle in/);
});

test('a process is listed with them, and who traces it is seen', {
  skip: skip || withoutTracing(),
}, async () => {
  const child = spawn(shop(), ['2000'], { stdio: 'ignore' });
  try {
    const pid = String(child.pid);
    await until(() => fs.readFileSync(`/proc/${pid}/maps`, 'utf8').includes('/shop'), 'the program');
    const list = (): unknown[] =>
      jsonLines(usdt(folder, 'list', '--json', '-p', pid).stdout)
        .filter(({ provider }) => provider === 'shop')
        .map(({ probe, traced }) => [probe, traced]);
    const untraced = ['request-start', 'request-done', 'idle', 'swapped'].map((name) => [name, false]);
    assert.deepEqual(list(), untraced);
    const tracer = spawn(process.execPath, [MAIN, 'trace', 'shop:idle', '-p', pid], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => tracer.stdout.once('data', resolve));
    const during = list();
    kill(tracer, 'SIGINT');
    tracer.stdout.resume();
    await new Promise((resolve) => tracer.once('exit', resolve));
    assert.deepEqual(
      during,
      untraced.map(([name]) => [name, name === 'idle']),
    );
  } finally {
    kill(child);
  }
});

test('scripts are for tracers that can find it', { skip: skip || withoutTracing() }, () => {
  const program = shop();
  const script = (tracer: string) => usdt(folder, 'script', tracer, 'shop:*', '-f', program);
  const { status, stderr } = script('bpftrace');
  assert.equal(status, 1);
  assert.match(
    stderr,
    /usdt: shop:idle in \S+ is left out: it has no SDT note, by which bpftrace finds probes: use usdt trace, perf or DTrace\n/,
  );
  assert.match(script('dtrace').stdout, /shop\*:::request-start/);
  assert.match(script('perf').stdout, /define request__start '\S+:0x[0-9a-f]+ arg0=%bx:s32 /);
});

/** dtrace-g/dofs.s with a document of its probes, and the addresses of its symbols. */
function dofProgram(): { program: string; symbols: Record<string, number> } {
  const program = fixtureProgram(folder, 'dofs');
  const bare = fs.readFileSync(program);
  const names = new Set(['main', 'eight', 'asks', 'first', 'second']);
  const symbols = Object.fromEntries(
    Array.from(symbolAddresses(readElf(bare), names), ([name, address]) => [name, Number(address)]),
  );
  const at = (name: string): number => symbols[name]! - symbols.main!;
  const stable = ['Stable', 'Stable', 'Common'] as const;
  const attributes = dofAttributes({
    ...{ provider: stable, module: stable, function: stable, name: stable, args: stable },
  });
  const place = { function: 'main', addr: symbols.main! };
  const none = { nativeTypes: [], translatedTypes: [], mapping: [] };
  const eight = [
    'int8_t',
    'unsigned int',
    'char *',
    'int16_t',
    'long unsigned int',
    'strange_t',
    'int',
    'pid_t',
  ];
  const document = encodeDof({
    ...{ model: 'LP64', encoding: 'LSB', version: 3, relocated: true },
    providers: [
      {
        ...{ name: 'dofs', attributes },
        probes: [
          {
            ...{ ...place, name: 'eight', offsets: [at('eight')], enabledOffsets: [] },
            ...{ nativeTypes: eight, translatedTypes: eight, mapping: eight.map((_, index) => index) },
          },
          {
            ...place,
            ...none,
            name: 'two-places',
            offsets: [at('first'), at('second')],
            enabledOffsets: [at('asks')],
          },
          { ...place, ...none, name: 'never-fired', offsets: [], enabledOffsets: [at('asks')] },
        ],
      },
    ],
  });
  fs.writeFileSync(program, addSection(bare, '.SUNW_dof', document));
  return { program, symbols };
}

test('a program that has DOF only: listed as the document says', { skip }, () => {
  const { program, symbols } = dofProgram();
  const { stdout, stderr } = usdt(folder, 'list', '--json', program);
  assert.equal(stderr, '');
  const hex = (name: string): string => `0x${symbols[name]!.toString(16)}`;
  assert.deepEqual(
    jsonLines(stdout).map(
      ({ provider, probe, module, function: name, formats, address, enabled, untraceable }) => [
        [provider, probe, module, name, formats],
        [address, enabled, untraceable],
      ],
    ),
    [
      ['eight', [hex('eight'), undefined, undefined]],
      ['two-places', [hex('first'), [hex('asks')], undefined]],
      ['two-places', [hex('second'), [hex('asks')], undefined]],
      ['never-fired', [null, [hex('asks')], 'the program asks whether it is enabled, but never fires it']],
    ].map(([name, rest]) => [['dofs', name, 'dofs', 'main', ['dof']], rest]),
  );
  const text = usdt(folder, 'list', program).stdout;
  assert.match(text, /^dofs:two-places +- +- +\S+$/m);
  assert.equal(text.trimEnd().split('\n').length, 4);
});

test('its arguments are where a call would have had them', { skip: skip || withoutTracing() }, () => {
  const { events, stderr } = trace('dofs:*', dofProgram().program);
  assert.deepEqual(
    events,
    [2, 1].flatMap((n) => [
      `dofs:eight [-1,${n},"some text",-12,5,6,-7,8]`,
      'dofs:two-places []',
      'dofs:two-places []',
    ]),
  );
  assert.match(
    stderr,
    /dofs:never-fired in \S+ can't be traced: the program asks whether it is enabled, but never fires it\n/,
  );
});

test('of a process with an image that has notes and DOF, each probe is listed once, as bpftrace lists it, and attached to', {
  skip: skip || withoutTracing() || without('bpftrace', 'gcc'),
}, async () => {
  const definition = defineImage('web-app', { probes: { 'request-start': ['int', 'json'], done: [] } });
  const target = { os: 'linux', arch: 'x64', tracepoint: 'nop', dof: true } as const;
  const [image, source, loader] = ['both.so', 'loader.c', 'loader'].map((name) => join(folder, name));
  fs.writeFileSync(image!, buildImage(definition, target).bytes, { mode: 0o755 });
  fs.writeFileSync(
    source!,
    '#include <dlfcn.h>\n#include <unistd.h>\nint main(int c, char **v) { return dlopen(v[1], RTLD_NOW) ? (int)sleep(60) : 1; }\n',
  );
  execFileSync('gcc', ['-o', loader!, source!, '-ldl']);
  const child = spawn(loader!, [image!], { stdio: 'ignore' });
  try {
    const pid = String(child.pid);
    await until(() => fs.readFileSync(`/proc/${pid}/maps`, 'utf8').includes('both.so'), 'the image');
    const listed = jsonLines(usdt(folder, 'list', '--json', '-p', pid).stdout).filter(
      ({ file }) => file === image,
    );
    assert.deepEqual(
      listed.map(({ provider, probe, formats, traced }) => [provider, probe, formats, traced]),
      ['request-start', 'done'].map((name) => ['web-app', name, ['stapsdt', 'dof'], false]),
    );
    const theirs = execFileSync('bpftrace', ['-l', '-p', pid, 'usdt:*'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.deepEqual(
      Array.from(theirs.matchAll(/both\.so:(\S+)$/gm), ([, name]) => name!.replaceAll('__', '-')).sort(),
      listed.map(({ provider, probe }) => `${provider}:${probe}`).sort(),
    );
    const tracer = spawn(process.execPath, [MAIN, 'trace', 'web-app:*', '-p', pid], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let told = '';
    tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    await until(() => told.includes('\n'), 'the tracer');
    assert.equal(told, 'usdt: tracing web-app:request-start, web-app:done\n');
    const traced = jsonLines(usdt(folder, 'list', '--json', image!).stdout).map((probe) => probe.traced);
    kill(tracer, 'SIGINT');
    await new Promise((resolve) => tracer.once('exit', resolve));
    assert.deepEqual(traced, [true, true]);
  } finally {
    kill(child);
  }
});
