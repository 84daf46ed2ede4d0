/** One file under many mounts: what the kernel takes for one is counted once, what it takes for two is counted as two. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { absent, without } from '../../../test/support/needs.ts';
import { kill } from '../../../test/support/processes.ts';
import { fixtureProgram } from '../../../test/support/programs.ts';
import { findTracefs, jsonLines, MAIN, tracesOf, usdt, withoutTracing } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';

const COUNT = 37;
const FUSE_TYPES = 'fuse,fuse.bindfs,fuse.fuse-overlayfs';
const folder = temporaryFolder();
const untraceable = withoutTracing() || without('unshare', 'nsenter');
const program = fixtureProgram(folder, 'counted');
/** Of this run alone: the same may be running elsewhere on this machine. */
const PROVIDER = `c${process.pid.toString(36).padStart(6, '0')}`;
const PROBE = `${PROVIDER}:hit`;
fs.writeFileSync(
  program,
  fs.readFileSync(program, 'latin1').replaceAll('\0counted\0hit\0', `\0${PROVIDER}\0hit\0`),
  'latin1',
);

interface Running {
  readonly pids: readonly number[];
  /** How often the probe fires in all. */
  readonly truth: number;
  /** All fire, and have fired. */
  fire(): Promise<void>;
}

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
}

interface Container extends Running {
  start(path: string): Started;
  stop(): Promise<void>;
}

/**
 * Runs the program from each path, in a mount namespace of its own as a container has, in which `mounts` was run: a
 * shell script in a folder of a tmpfs, where `lower/counted` is the program.
 */
async function run(mounts: string, paths: readonly string[]): Promise<Container> {
  const place = fs.mkdtempSync(join(folder, 'mounts-'));
  const script = `set -e
    mount -t tmpfs none ${place}; cd ${place}; mkdir lower; cp -p ${program} lower/
    overlay() { mkdir -p $2 $2.up $2.work; mount -t overlay none -o lowerdir=$1,upperdir=$2.up,workdir=$2.work $2; }
    ${mounts}
    echo mounted; exec sleep 1000`;
  const holder = spawn('unshare', ['-m', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let errors = '';
  holder.stdout.on('data', (data) => {
    said += data;
  });
  holder.stderr.on('data', (data) => {
    errors += data;
  });
  await until(() => said.includes('mounted') || holder.exitCode !== null, `mounts (${errors})`);
  assert.equal(holder.exitCode, null, errors);
  const all: Started[] = [];
  const start = (path: string): Started => {
    const child = spawn('nsenter', ['-m', '-t', String(holder.pid), join(place, path), String(COUNT)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    const started = { child, output: () => text };
    all.push(started);
    return started;
  };
  const first = paths.map(start);
  const have = (word: string) => () => first.every(({ output }) => output().includes(word));
  await until(have('ready'), 'programs');
  return {
    start,
    pids: first.map(({ child }) => child.pid!),
    truth: COUNT * paths.length,
    fire: async () => {
      for (const { child } of first) kill(child, 'SIGUSR1');
      await until(have('done'), 'fires');
    },
    stop: async () => {
      const processes = [...all.map(({ child }) => child), holder].filter(
        ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
      );
      const ends = processes.map((child) => new Promise((resolve) => child.once('exit', resolve)));
      for (const child of processes) if (child !== holder) kill(child, 'SIGKILL');
      // Daemons of FUSE end with their mounts.
      spawnSync('nsenter', ['-m', '-t', String(holder.pid), 'umount', '-a', '-l', '-t', FUSE_TYPES]);
      kill(holder, 'SIGKILL');
      await Promise.all(ends);
    },
  };
}

interface Tracer {
  /** Says what it has printed so far. */
  output(): string;
  /** Ends it as ctrl-C does. @returns what it printed. */
  stop(): Promise<string>;
}

/** Starts `usdt`, and waits until it has attached. */
async function attach(...args: readonly string[]): Promise<Tracer> {
  const tracer = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = new Promise((resolve) => tracer.once('close', resolve));
  let output = '';
  let errors = '';
  tracer.stdout.on('data', (data) => {
    output += data;
  });
  tracer.stderr.on('data', (data) => {
    errors += data;
  });
  await until(() => isTracing(tracer.pid!) || tracer.exitCode !== null, 'tracing');
  assert.equal(tracer.exitCode, null, errors);
  return {
    output: () => output,
    stop: async () => {
      kill(tracer, 'SIGINT');
      await end;
      assert.match(errors, /^((?!error).)*$/s);
      return output;
    },
  };
}

/** All events are enabled, and what they write is kept: the last that is switched on. */
function isTracing(pid: number): boolean {
  const [instance] = tracesOf(pid).filter((name) => name.startsWith('usdt_'));
  const path = `${findTracefs()}/instances/${instance}`;
  try {
    return [`events/${instance}/enable`, 'tracing_on'].every((file) =>
      fs.readFileSync(`${path}/${file}`, 'utf8').startsWith('1'),
    );
  } catch {
    return false;
  }
}

interface Scenario {
  readonly name: string;
  readonly mounts: string;
  readonly paths: readonly string[];
  /** How many files these are for the kernel. */
  readonly files: number;
  readonly skip?: string | false;
}

const loop = (): string | false =>
  without('mkfs.btrfs', 'losetup') ||
  (/\bbtrfs$/m.test(fs.readFileSync('/proc/filesystems', 'utf8'))
    ? false
    : absent('no btrfs in this kernel'));
const fuse = (tool: string): string | false =>
  without(tool) || (fs.existsSync('/dev/fuse') ? false : absent('no /dev/fuse'));

const scenarios: readonly Scenario[] = [
  {
    name: 'two overlay mounts over one lower folder',
    mounts: 'overlay lower a; overlay lower b',
    paths: ['a/counted', 'b/counted'],
    files: 1,
  },
  {
    name: 'an overlay mount and the folder below',
    mounts: 'overlay lower a',
    paths: ['a/counted', 'lower/counted'],
    files: 1,
  },
  {
    name: 'two overlay mounts, lower folders on two file systems',
    mounts:
      'mkdir other; mount -t tmpfs none other; touch other/file; overlay lower:other a; overlay other:lower b',
    paths: ['a/counted', 'b/counted'],
    files: 1,
  },
  {
    name: 'copies in the upper folders, with one inode number, made in the same instant',
    mounts:
      'overlay lower a; overlay lower b; touch -r lower/counted a/counted b/counted; test $(stat -c %i a/counted) = $(stat -c %i b/counted)',
    paths: ['a/counted', 'b/counted'],
    files: 2,
  },
  {
    name: 'a copy in one upper folder',
    mounts: 'overlay lower a; overlay lower b; touch b/counted',
    paths: ['a/counted', 'b/counted'],
    files: 2,
  },
  {
    name: 'a bind mount',
    mounts: 'mkdir a; mount --bind lower a',
    paths: ['a/counted', 'lower/counted'],
    files: 1,
  },
  {
    name: 'a hard link',
    mounts: 'ln lower/counted lower/link',
    paths: ['lower/counted', 'lower/link'],
    files: 1,
  },
  {
    name: 'a plain copy',
    mounts: 'cp -p lower/counted lower/copy',
    paths: ['lower/counted', 'lower/copy'],
    files: 2,
  },
  {
    name: 'a btrfs subvolume and its snapshot, with one inode number',
    skip: loop(),
    mounts: `truncate -s 200M image; mkfs.btrfs -q image 2>&1; mkdir v; mount -o loop image v; btrfs -q subvolume create v/s || btrfs subvolume create v/s
      cp -p lower/counted v/s/; btrfs subvolume snapshot v/s v/t; test $(stat -c %i v/s/counted) = $(stat -c %i v/t/counted)`,
    paths: ['v/s/counted', 'v/s/counted', 'v/t/counted'],
    files: 2,
  },
  {
    name: 'two overlay mounts over a btrfs subvolume',
    skip: loop(),
    mounts: `truncate -s 200M image; mkfs.btrfs -q image 2>&1; mkdir v; mount -o loop image v; btrfs subvolume create v/s
      cp -p lower/counted v/s/; overlay v/s a; overlay v/s b`,
    paths: ['a/counted', 'b/counted', 'v/s/counted'],
    files: 1,
  },
  {
    name: 'bindfs and the folder below',
    skip: fuse('bindfs'),
    mounts: 'mkdir a; bindfs lower a',
    paths: ['a/counted', 'lower/counted'],
    files: 2,
  },
  {
    name: 'two of fuse-overlayfs over one lower folder',
    skip: fuse('fuse-overlayfs'),
    mounts:
      'for i in a b; do mkdir $i $i.up $i.work; fuse-overlayfs -o lowerdir=lower,upperdir=$i.up,workdir=$i.work $i; done',
    paths: ['a/counted', 'b/counted'],
    files: 2,
  },
];

for (const { name, mounts, paths, files, skip } of scenarios) {
  test(`${name}: ${files === 1 ? 'one file' : `${files} files`}, every event once`, {
    skip: untraceable || skip || false,
  }, async (t) => {
    const running = await run(mounts, paths);
    t.after(() => running.stop());

    const listed = jsonLines(usdt(folder, 'list', '--all', '--json', PROBE).stdout);
    assert.equal(listed.length, files);
    assert.deepEqual(listed.flatMap(({ pids }) => pids as number[]).sort(), [...running.pids].sort());

    const script = usdt(folder, 'script', 'bpftrace', PROBE).stdout;
    assert.equal(script.match(/^usdt:/gm)?.length, files, script);

    // All at once: none of them takes an event from another.
    const recorded = join(folder, 'record.json');
    const tracing = await attach('trace', '--json', PROBE);
    const counting = await attach('stat', '--json', PROBE);
    const recording = await attach('record', '-o', recorded, PROBE);
    const exporting = await attach('export', '--listen', '127.0.0.1:0', '--json', PROBE);
    await running.fire();

    const trace = jsonLines(await tracing.stop());
    for (const pid of running.pids) {
      const args = trace.filter((line) => line.pid === pid).map((line) => JSON.stringify(line.args));
      assert.equal(args.length, COUNT);
      assert.equal(new Set(args).size, COUNT);
    }

    const stat = jsonLines(await counting.stop());
    assert.equal(stat.at(-1)!.events, running.truth);

    await recording.stop();
    assert.equal(fs.readFileSync(recorded, 'utf8').match(/"ph":"[iI]"/g)?.length, running.truth);

    await until(() => exporting.output().includes('\n'), "the exporter's address");
    const { url } = JSON.parse(exporting.output()) as { readonly url: string };
    const total = /^usdt_events_total\{.*\} (\d+)$/m;
    let metrics = '';
    // What it has not read yet comes with a later scrape.
    await until(async () => {
      metrics = await (await fetch(url)).text();
      return Number(total.exec(metrics)?.[1]) >= running.truth;
    }, 'all events');
    assert.equal(Number(total.exec(metrics)![1]), running.truth);
    assert.match(metrics, new RegExp(`^usdt_probe_sites ${files}$`, 'm'));
    await exporting.stop();
  });
}

test('containers that start later join those that are traced', { skip: untraceable }, async (t) => {
  const first = await run('overlay lower a; overlay lower b; overlay lower c; touch c/counted', [
    'a/counted',
  ]);
  t.after(() => first.stop());
  let later: readonly Started[] = [];
  const joined: Running = {
    ...first,
    fire: async () => {
      later = [first.start('b/counted'), first.start('c/counted')];
      await until(() => later.every(({ output }) => output().includes('ready')), 'later programs');
      // It is looked for new processes every second.
      await until(() => usdtListed(later[1]!.child.pid!), 'the copy is traced');
      await first.fire();
      for (const { child } of later) kill(child, 'SIGUSR1');
      await until(() => later.every(({ output }) => output().includes('done')), 'later fires');
    },
  };
  const tracer = await attach('trace', '--json', PROBE);
  await joined.fire();
  const trace = jsonLines(await tracer.stop());
  for (const pid of [...first.pids, ...later.map(({ child }) => child.pid!)])
    assert.equal(trace.filter((line) => line.pid === pid).length, COUNT);
});

test('a container that starts when the first has ended counts once', { skip: untraceable }, async (t) => {
  const first = await run('overlay lower a; overlay lower b', ['a/counted']);
  t.after(() => first.stop());
  let next: Started | undefined;
  const successive: Running = {
    ...first,
    fire: async () => {
      await first.fire();
      process.kill(first.pids[0]!, 'SIGKILL');
      const second = first.start('b/counted');
      next = second;
      await until(() => second.output().includes('ready'), 'the next program');
      // Processes are looked at every second. That nothing is attached anew can't be seen.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      kill(second.child, 'SIGUSR1');
      await until(() => second.output().includes('done'), 'its fires');
    },
  };
  const tracer = await attach('trace', '--json', PROBE);
  await successive.fire();
  const trace = jsonLines(await tracer.stop());
  for (const pid of [first.pids[0], next!.child.pid])
    assert.equal(trace.filter((line) => line.pid === pid).length, COUNT);
});

function usdtListed(pid: number): boolean {
  const lines = jsonLines(usdt(folder, 'list', '-p', String(pid), '--json', PROBE).stdout);
  return lines.length === 1 && lines[0]!.traced === true;
}

/** Runs a shell script in a PID namespace of its own; `usdt` and the program are `$usdt` and `$program`. */
function inPidNamespace(script: string) {
  const env = { ...process.env, NO_COLOR: '1', usdt: `${process.execPath} ${MAIN}`, program, probe: PROBE };
  const options = { encoding: 'utf8', env, timeout: 60_000, killSignal: 'SIGKILL', cwd: folder } as const;
  return spawnSync('unshare', ['-p', '-f', '--kill-child', '--mount-proc', 'sh', '-c', script], options);
}

const COMMANDS = {
  trace: '$usdt trace $probe',
  stat: '$usdt stat $probe',
  record: '$usdt record -o record.json $probe',
  export: '$usdt export --listen 127.0.0.1:0 $probe',
  script: '$usdt script bpftrace $probe',
} as const;

for (const [name, command] of Object.entries(COMMANDS)) {
  test(`${name} -p ends at once where process ids are not the machine's`, { skip: untraceable }, () => {
    const { status, stdout, stderr } = inPidNamespace(
      `$program 3 > ready & until grep -q ready ready; do :; done; exec ${command} -p $!`,
    );
    assert.equal(status, 4, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /machine's process ids.*--pid=host/);
  });
}

test("a command is not run untraced where process ids are not the machine's", { skip: untraceable }, () => {
  const { status, stderr } = inPidNamespace('$usdt trace $probe -f $program -- touch was-run');
  assert.equal(status, 4, stderr);
  assert.equal(fs.existsSync(join(folder, 'was-run')), false);
});

test('what a usdt in another PID namespace made is left alone', { skip: untraceable }, async (t) => {
  const tracer = spawn(process.execPath, [MAIN, 'trace', '--wait', 'nothing:here'], { stdio: 'ignore' });
  t.after(() => kill(tracer, 'SIGINT'));
  await until(() => tracesOf(tracer.pid!).length > 0, 'an instance');
  // Its number does not exist there.
  inPidNamespace('$usdt trace --wait -d 0.1 nothing:there');
  assert.equal(tracesOf(tracer.pid!).length, 1);
});
