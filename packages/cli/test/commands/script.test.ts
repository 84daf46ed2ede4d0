/** The scripts for other tracers: run by bpftrace and perf, checked by SystemTap and the C compiler where they are installed. */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { absent, without } from '../../../../test/support/needs.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp } from '../../../../test/support/programs.ts';
import { findTracefs, MAIN, startShop, usdt, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';

const folder = temporaryFolder();
const skip = withoutTracing();
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) kill(child, 'SIGKILL');
  fs.rmSync(folder, { recursive: true });
});
let image = '';
let shop: ChildProcess;
let program = '';
before(async () => {
  if (skip) return;
  fs.mkdirSync(join(folder, 'a folder'));
  program = webapp(folder, 'a folder/webapp');
  const cache = join(folder, 'cache');
  fs.mkdirSync(cache, { mode: 0o700 });
  shop = startShop(folder);
  children.push(shop);
  const images = () => fs.readdirSync(cache).filter((name) => name.startsWith('libusdt-shop-app-'));
  await until(() => images().length > 0, 'the image');
  image = join(cache, images()[0]!);
});

function script(...args: readonly string[]): string {
  const { stdout, stderr, status } = usdt(folder, 'script', ...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

function save(name: string, text: string): string {
  const path = join(folder, name);
  fs.writeFileSync(path, text);
  return path;
}

/** Runs a tracer until it has printed some lines of the kind. */
async function lines(pattern: RegExp, command: string, ...args: readonly string[]): Promise<string[]> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  const matching = () =>
    out
      .split('\n')
      .slice(0, -1)
      .filter((line) => pattern.test(line));
  await until(() => matching().length >= 3 || child.exitCode !== null, 'three events');
  kill(child, 'SIGINT');
  assert.ok(matching().length >= 3, `${out}${err}`);
  return matching();
}

const DOUBLE = new DataView(new ArrayBuffer(8));
function bitsOf(value: number): string {
  DOUBLE.setFloat64(0, value);
  return DOUBLE.getBigUint64(0).toString(16);
}

test('bpftrace runs its script, and reads typed arguments', {
  skip: skip || without('bpftrace'),
}, async () => {
  const text = script('bpftrace', 'shop-app:request-*', '-f', image);
  assert.match(text, /^#!\/usr\/bin\/env bpftrace\n/);
  assert.match(text, /\/\/ arg6 to arg7 are left out: bpftrace has no name for more than 6 arguments/);
  assert.match(text, /\/\/ arg3 is a double/);
  const found = await lines(/request-start/, 'bpftrace', save('shop.bt', text));
  for (const line of found) {
    const i = Number(/ arg0=(\d+)/.exec(line)?.[1]);
    assert.match(line, new RegExp(`^\\d+ \\S+ ${shop.pid}/${shop.pid} shop-app:request-start `));
    assert.ok(
      line.endsWith(
        ` arg0=${i} arg1="/päge/${i}" arg2={"i":${i}} arg3=0x${bitsOf(i + 0.25)} arg4=1500 arg5=${i > 0 ? 1 : 0}`,
      ),
      line,
    );
  }
});

test('bpftrace with processes, a file with a blank, and types for a foreign program', {
  skip: skip || without('bpftrace'),
}, async () => {
  const [one, two] = [spawn(program, ['100000', '10000']), spawn(program, ['100000', '10000'])];
  children.push(one, two);
  await until(() => fs.readFileSync(`/proc/${one.pid}/maps`, 'utf8').includes(program), 'the program');
  const text = script(
    'bpftrace',
    'webapp:types',
    'webapp:request-start',
    '-p',
    String(one.pid),
    '--types',
    'webapp:request-start=_,string',
  );
  const found = await lines(/webapp:/, 'bpftrace', save('webapp.bt', text));
  kill(one);
  kill(two);
  for (const line of found) {
    const [, , who, what, ...values] = line.split(' ');
    assert.equal(who, `${one.pid}/${one.pid}`);
    if (what === 'webapp:types')
      assert.equal(values.join(' '), 'arg0=200 arg1=-100 arg2=18364758544493064720 arg3=-5000000000 arg4=-7');
    else assert.match(values.join(' '), /^arg0=(\d+) arg1="\/page\/\1" arg2=\d+$/);
  }
});

test('perf runs its script, reads text, and leaves no event behind', {
  skip: skip || without('perf'),
}, () => {
  const both = script('perf', 'shop-app:request-start', 'webapp:types', '-f', image, '-f', program);
  assert.match(both, /# arg1 is signed: perf shows 256 more for negative values/);
  const running = spawn(program, ['100000', '10000']);
  children.push(running);
  const { stdout, stderr } = spawnSync('sh', [save('both.sh', both), '2'], { encoding: 'utf8' });
  kill(running);
  const starts = stdout.split('\n').filter((line) => line.includes(':request__start:'));
  assert.ok(starts.length > 3, stderr);
  for (const line of starts) {
    const i = Number(/ arg0=(\d+)/.exec(line)?.[1]);
    assert.match(
      line,
      new RegExp(`arg1="/p.*ge/${i}" arg2="\\{"i":${i}\\}" arg3=0x${bitsOf(i + 0.25)} arg4=1500`),
    );
    assert.match(line, /arg6=-9007199254740993 arg7=255$/, 'also what is on the stack');
  }
  assert.match(
    stdout,
    / webapp .*:types: .*arg0=200 arg1=156 arg2=18364758544493064720 arg3=-5000000000 arg4=-7/,
  );
  const [, group] = /(probes_\d+):request__start:/.exec(stdout)!;
  assert.doesNotMatch(fs.readFileSync(`${findTracefs()!}/uprobe_events`, 'utf8'), new RegExp(group!));
});

test('SystemTap resolves every probe and argument of its script', { skip: skip || without('stap') }, () => {
  // Its semantic pass wants a kernel's build folder, of which it needs hardly anything for programs.
  const kernel = join(folder, 'kernel');
  fs.mkdirSync(`${kernel}/include/config`, { recursive: true });
  fs.mkdirSync(`${kernel}/include/generated`);
  fs.writeFileSync(`${kernel}/include/config/kernel.release`, `${release()}\n`);
  fs.writeFileSync(
    `${kernel}/.config`,
    'CONFIG_TRACEPOINTS=y\nCONFIG_UPROBES=y\nCONFIG_ARCH_SUPPORTS_UPROBES=y\n',
  );
  for (const name of ['Makefile', 'Module.symvers', 'include/generated/autoconf.h'])
    fs.writeFileSync(`${kernel}/${name}`, '');
  const text = script('systemtap', 'shop-app:*', 'webapp:*', '-f', image, '-f', program);
  const { stdout, stderr, status } = spawnSync('stap', ['-p2', '-r', kernel, save('all.stp', text)], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const [, resolved] = stdout.split('# probes\n');
  assert.equal(resolved?.trim().split('\n').length, 5);
});

test('the script for DTrace names probes as DTrace does', { skip }, () => {
  const text = script('dtrace', '*', '-f', image, '-f', program);
  assert.match(text, /^#!\/usr\/sbin\/dtrace -s\n/);
  assert.deepEqual(
    Array.from(text.matchAll(/^\S+:::\S+$/gm), ([point]) => point),
    [
      'shop-app*:::request-start',
      'webapp*:::request-start',
      'webapp*:::types',
      'webapp*:::where',
      'webapp*:::request-done',
    ],
  );
  assert.match(text, /arg1 == 0 \? "\(null\)" : copyinstr\(arg1\)/);
  assert.match(text, /\(int64_t\)\(int8_t\)arg7\);/);
  assert.match(
    script('dtrace', 'shop-app:*', '-p', String(shop.pid)),
    new RegExp(`^shop-app${shop.pid}:::`, 'm'),
  );
});

test('ebpf_exporter: the program compiles, and the configuration names its maps and labels', {
  skip: skip || without('clang', 'bpftool', 'python3', 'readelf', 'unshare', '/usr/include/bpf/usdt.bpf.h'),
}, async (t) => {
  const there = join(folder, 'ebpf');
  fs.mkdirSync(there);
  // Printed it is a shell script that writes the files; -o writes the same ones.
  execFileSync(
    'sh',
    [
      save(
        'write.sh',
        script(
          'ebpf_exporter',
          '*:request-start',
          '-f',
          image,
          '-f',
          program,
          '--by',
          'arg1',
          '--by',
          'arg0',
        ),
      ),
    ],
    { cwd: there },
  );
  const yaml = fs.readFileSync(join(there, 'probes.yaml'), 'utf8');
  const commands = Array.from(yaml.matchAll(/^# {3}(.*)$/gm), ([, command]) => command!);
  execFileSync('sh', ['-ec', commands.join('\n')], { cwd: there });
  // The kernel's verifier takes it; the mount and what is pinned in it end with the process.
  const load = 'mount -t bpf bpf /sys/fs/bpf && bpftool prog loadall probes.bpf.o /sys/fs/bpf/usdt';
  execFileSync('unshare', ['-m', 'sh', '-c', `${load} && ls /sys/fs/bpf/usdt`], { cwd: there });
  const sections = execFileSync('readelf', ['-SW', join(there, 'probes.bpf.o')], { encoding: 'utf8' });
  assert.ok(sections.includes(`usdt/${image}:shop__app:request__start`), sections);
  const parse = 'import json,sys,yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)';
  const read = spawnSync('python3', ['-c', parse, join(there, 'probes.yaml')], { encoding: 'utf8' });
  if (read.stderr.includes('ModuleNotFoundError')) return t.skip(absent('the yaml module of python3'));
  const { counters } = (JSON.parse(read.stdout) as { metrics: { counters: Counter[] } }).metrics;
  const symbols = execFileSync('readelf', ['-sW', join(there, 'probes.bpf.o')], { encoding: 'utf8' });
  for (const { name } of counters) assert.match(symbols, new RegExp(`OBJECT .* ${name}$`, 'm'));
  assert.deepEqual(
    counters.map(({ name, labels }) => [name, labels.map((label) => `${label.name} ${label.size}`)]),
    [
      ['probes_events_total', ['probe 8', 'comm 16']],
      ['shop_app_request_start_total', ['arg1 64', 'arg0 8']],
      ['webapp_request_start_total', ['arg1 8', 'arg0 8']],
    ],
  );
});

interface Counter {
  readonly name: string;
  readonly labels: readonly { readonly name: string; readonly size: number }[];
}

test('-o writes the files; what makes no sense is refused', { skip }, () => {
  const there = join(folder, 'out');
  fs.mkdirSync(there);
  assert.equal(usdt(folder, 'script', 'bpftrace', 'shop-app:*', '-f', image, '-o', there).status, 0);
  assert.equal(fs.statSync(join(there, 'shop-app.bt')).mode & 0o111, 0o111);
  assert.equal(usdt(folder, 'script', 'bpftrace', 'nothing:*', '-f', image).status, 3);
  assert.equal(usdt(folder, 'script', 'bpftrace', 'x:*', '-f', image, '-o', `${there}/none`).status, 3);
  assert.equal(usdt(folder, 'script', 'bpftrace', '*', '-f', image, '-o', `${there}/none`).status, 1);
  assert.equal(usdt(folder, 'script', 'strace', 'shop-app:*').status, 2);
  assert.equal(usdt(folder, 'script', 'perf', 'shop-app:*', '--by', 'arg1').status, 2);
  assert.equal(usdt(folder, 'script', 'ebpf_exporter', 'shop-app:*', '--by', '1').status, 2);
  assert.match(
    spawnSync(process.execPath, [MAIN, 'script', '--help'], { encoding: 'utf8' }).stdout,
    /Examples:/,
  );
});
