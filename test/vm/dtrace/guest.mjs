// Runs in the machine: DTrace's daemon, programs (app.mjs) and dtrace on them. What they printed goes out as JSON.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { kill, start } from './children.mjs';
import { list, startDaemon } from './dtrace.mjs';

const startApp = (...args) => startAs([], ...args);

async function startAs([command, ...prefix], ...args) {
  const line = [...prefix, process.execPath, 'app.mjs', ...args];
  const app = command ? start(command, ...line) : start(...line);
  const statuses = JSON.parse(await app.next());
  const say = async (command) => {
    app.child.stdin.write(`${command}\n`);
    return JSON.parse(await app.next());
  };
  const end = () => {
    app.child.stdin.end();
    return app.ended;
  };
  return { pid: app.child.pid, statuses, say, end };
}

/** Runs a D script until it ends by itself. */
async function trace(script, ...flags) {
  const { printed, ended } = start('dtrace', '-q', ...flags, '-n', script);
  await ended;
  return printed;
}

/** Prints an event of each probe once. */
const onceEach = (provider, name, format, args, variable) => `
  ${provider}:::${name} /!seen_${variable}/ {
    seen_${variable} = 1;
    seen++;
    printf("${format}\\n"${args.map((arg) => `, ${arg}`).join('')});
  }`;

function argumentScript(provider, argument) {
  const clauses = Array.from({ length: 11 }, (_, n) => {
    const args = Array.from({ length: n }, (_, i) => argument(i));
    return onceEach(
      provider,
      `count-${n}x`,
      `count-${n}x ${args.map(() => '%d').join(' ')}`,
      args,
      `count${n}`,
    );
  });
  const ten = Array.from({ length: 10 }, (_, i) => argument(i));
  clauses.push(
    onceEach(
      provider,
      'lots',
      `lots ${ten.map(() => '%d').join(' ')}`,
      ten.map((arg) => `(int32_t)${arg}`),
      'lots',
    ),
  );
  return `${clauses.join('\n')} profile:::tick-2hz /seen == ${clauses.length}/ { exit(0); }`;
}

const seen = {};
let daemon = await startDaemon();

const app = await startApp();
const { pid } = app;
seen.pid = pid;
seen.statuses = app.statuses;
seen.untraced = await app.say('lazy');
seen.listed = list('webapp*:::');
seen.listedByPid = list(`webapp${pid}:::`);
seen.listedByTarget = list('webapp$target:::', '-p', String(pid));
// What our own command makes of the same process, and of this kernel.
const usdt = async (...args) => {
  const { out, err } = await start(process.execPath, 'usdt/bin/usdt.js', ...args, '--json').ended;
  if (out === '') throw new Error(err);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
};
seen.usdtList = await usdt('list', '-p', String(pid));
seen.usdtTrace = await usdt('trace', 'webapp:count-10x', '-n', '3');
seen.listedModule = list('*:api.js::');
seen.listedFunction = list('webapp*::takes_3:');
seen.verbose = spawnSync('dtrace', ['-lv', '-n', 'webapp*:::types'], { encoding: 'utf8' }).stdout;
seen.positions = await trace(argumentScript('webapp*', (i) => `(int64_t)arg${i}`));
seen.typed = await trace(argumentScript(`webapp${pid}`, (i) => `args[${i}]`));
seen.types = await trace(
  `${onceEach(
    'webapp*',
    'types',
    `${Array(10).fill('%d').join(' ')} %s %s %s`,
    [
      ...Array.from({ length: 7 }, (_, i) => `args[${i}]`),
      'args[7] >> 32',
      'args[8]',
      'args[9] >> 32',
      'probemod',
      'probefunc',
      'probename',
    ],
    'types',
  )} profile:::tick-2hz /seen/ { exit(0); }`,
);
seen.strings = await trace(
  `${onceEach(
    'webapp*',
    'request-start',
    '%d %s %d %s',
    ['args[0]', 'copyinstr((uintptr_t)args[1])', 'args[2]', 'copyinstr(arg3)'],
    'start',
  )} profile:::tick-2hz /seen/ { exit(0); }`,
);
seen.byModule = await trace(
  `webapp${pid}:app:accept:request-start { printf("%s %s\\n", probemod, probefunc); exit(0); }`,
);
seen.stillUntraced = await app.say('lazy');
seen.lazyTrace = await trace('api*:::call-done { printf("%d\\n", args[0]); exit(0); }');
seen.lazy = await app.say('lazy');

// Another program of the same probes: its events come too.
const twin = await startApp();
seen.twins = await trace(
  'webapp*:::count-0x { @[pid] = count(); n[pid]++; } profile:::tick-2hz { ticks++; }' +
    ` profile:::tick-2hz /n[${pid}] > 3 && n[${twin.pid}] > 3/ { printa("%d %@d\\n", @); exit(0); }`,
);
seen.twinPid = twin.pid;
await twin.end();
seen.listedAfterTwin = list('webapp*:::count-0x');

// A process that it starts, which is killed: nobody takes back what that had registered.
seen.forkedPid = await app.say('fork');
seen.listedForked = list('webapp*:::count-0x');
seen.killed = await app.say('kill child');
seen.listedAfterFork = list('webapp*:::count-0x');

// While dtrace runs: disable and enable, a probe that is added, one that is removed, and a program that starts.
const rounds = start('dtrace', '-q', '-Z', '-n', 'api*:::call-done { printf("round %d\\n", args[0]); }');
seen.firstRound = await rounds.next();
seen.off = await app.say('api off');
seen.listedOff = list('api*:::');
seen.on = await app.say('api on');
seen.listedOn = list('api*:::');
do seen.secondRound = await rounds.next();
while (seen.secondRound === seen.firstRound || seen.secondRound === '');
kill(rounds.child, 'SIGINT');
await rounds.ended;
const watcher = start('dtrace', '-q', '-Z', '-n', 'webapp*:::added { printf("added %d\\n", args[0]); }');
seen.added = await app.say('add');
seen.addedEvent = await watcher.next();
seen.removed = await app.say('remove');
seen.listedRemoved = list('webapp*:::');
do seen.addedAfterRemoval = await watcher.next();
while (seen.addedAfterRemoval === '');
kill(watcher.child, 'SIGINT');
await watcher.ended;
const early = start(
  'dtrace',
  '-q',
  '-Z',
  '-n',
  `api*:::call-done /pid != ${pid}/ { printf("late %d\\n", pid); exit(0); }`,
);
const late = await startApp();
seen.latePid = late.pid;
seen.lateEvent = (await early.ended).out;
await late.end();

// A daemon that starts again knows what there was, and takes what comes.
kill(daemon.child, 'SIGTERM');
await daemon.ended;
seen.withoutDaemon = existsSync('/dev/dtrace/helper');
const orphan = await startApp();
seen.orphan = orphan.statuses[0];
seen.orphanListed = list(`webapp${orphan.pid}:::count-0x`);
await orphan.end();
daemon = await startDaemon();
seen.listedAfterRestart = list('webapp*:::count-0x');
await app.say('api off');
seen.offAfterRestart = list('api*:::');
await app.end();
seen.listedAfterEnd = list('webapp*:::');

const worker = await startApp('worker');
seen.worker = { pid: worker.pid, statuses: worker.statuses, listed: list(`webapp${worker.pid}:::count-1x`) };
seen.worker.traced = await trace(
  `webapp${worker.pid}:::count-1x { printf("%d\\n", (int64_t)arg0); exit(0); }`,
);
await worker.end();

chmodSync('/dev/dtrace/helper', 0o600);
const nobody = [
  'setpriv',
  '--reuid',
  '65534',
  '--clear-groups',
  'env',
  'HOME=/nonexistent',
  'LIBUSDT_DIR=/tmp/nobody',
];
const stranger = await startAs(nobody);
seen.stranger = {
  pid: stranger.pid,
  statuses: stranger.statuses,
  listed: list(`webapp${stranger.pid}:::count-1x`),
};
await stranger.end();
chmodSync('/dev/dtrace/helper', 0o666);

// A program that dtrace itself starts: it sees the probes of files that are mapped when the program begins.
const script =
  'webapp$target:::count-2x { printf("of target %d %d\\n", (int64_t)arg0, (int64_t)arg1); exit(0); }';
const started = ['dtrace', '-q', '-Z', '-c', `${process.execPath} app.mjs`, '-n', script];
seen.target = await start('env', `LD_PRELOAD=${app.statuses[0].file}`, ...started).ended;

// The check that users run.
seen.selftest = (await start(process.execPath, 'node_modules/libusdt/bin/libusdt-selftest.js').ended).out;

// The same image, as bpftrace of this Debian reads it by its notes.
const both = await startApp();
const probe = `usdt:${both.statuses[0].files[0]}:webapp:count__2x`;
seen.bpftrace = start('bpftrace', '-e', `${probe} { printf("both %d %d\\n", arg0, arg1); exit(); }`);
seen.bpftrace = await seen.bpftrace.ended;
await both.end();

// Documents that break rules, and others.
// Not spawnSync: what the daemon says about it has to be read, or it stops when the pipe is full.
const { out, err } = await start(process.execPath, 'judge.mjs').ended;
if (out === '') throw new Error(err);
seen.judged = JSON.parse(out);
seen.versions = {
  dtrace: spawnSync('dtrace', ['-V'], { encoding: 'utf8' }).stdout.trim(),
  kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
};
console.log(JSON.stringify(seen));
process.exit();
