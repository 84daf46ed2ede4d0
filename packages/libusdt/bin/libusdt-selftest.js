#!/usr/bin/env node
// Checks libusdt from end to end on this machine, with a real tracer where there is one, and prints a report that is
// worth attaching to an issue. Exit code 1 if something that should work does not.
//
//   npx -p libusdt libusdt-selftest      as root, for a tracer to be started
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, release, type } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProvider } from '../dist/index.js';

/** Tracers are slow to start where everything is emulated. In milliseconds. */
const PATIENCE = 60_000;
const EVENTS = [
  [-1, 'one', 4294967295],
  [2147483647, 'Zoë', 0],
  [-2147483648, '', 7],
];
const EXPECTED = EVENTS.map(([a, b, c]) => `${a} ${b} ${c}`);

const { version } = createRequire(import.meta.url)('../package.json');
const runtime = process.versions.bun
  ? `Bun ${process.versions.bun}`
  : process.versions.deno
    ? `Deno ${process.versions.deno}`
    : `Node.js ${process.versions.node}`;
console.log(`libusdt ${version} on ${type()} ${release()} ${arch()}, ${runtime}`);

let failures = 0;
function check(what, good, detail = '') {
  if (!good) failures++;
  console.log(`${good ? 'ok    ' : 'FAILED'} ${what}${detail && !good ? `: ${detail}` : ''}`);
  return good;
}
const note = (text) => console.log(`       ${text}`);

const provider = createProvider('selftest', { module: 'libusdt' });
const hit = provider.addProbe('hit-me', { function: 'main', args: ['int32_t', 'char *', 'uint32_t'] });
const fire = () => {
  for (const event of EVENTS) hit.fire(...event);
};

const status = provider.enable();
for (const [key, value] of Object.entries(status)) note(`${key}: ${JSON.stringify(value)}`);
if (check('the provider is visible to tracers', status.state === 'active', status.detail)) {
  check('nobody traces it yet', !hit.enabled);
  for (let round = 0; round < 100_000; round++) fire();
  check('300,000 untraced fires', true);
  await trace();
  const added = provider.addProbe('added', ['int']);
  check('a probe is added', provider.enable().state === 'active');
  provider.removeProbe(added);
  check('and removed', provider.enable().state === 'active');
  provider.disable();
  check('disabled', provider.status.state === 'disabled' && !hit.enabled);
  fire();
  check('enabled again', provider.enable().state === 'active');
}
provider.free();
console.log(failures === 0 ? 'all is well' : `${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;

/** Through a real tracer: what it prints must be what was fired, and the probe must notice it come and go. */
async function trace() {
  if (process.geteuid?.() !== 0) return note('no tracer was started: they need root');
  const candidates = [
    [
      'dtrace',
      '-q',
      '-p',
      String(process.pid),
      '-n',
      'selftest$target:::hit-me { printf("%d %s %u\\n", (int)arg0, copyinstr(arg1), (uint32_t)arg2); }',
    ],
    [
      'bpftrace',
      '-q',
      '-e',
      `usdt:${status.file}:selftest:hit__me { printf("%d %s %u\\n", arg0, str(arg1), arg2); }`,
    ],
  ];
  for (const [command, ...args] of candidates) {
    // SystemTap has a command of that name too, which compiles headers.
    if (command === 'dtrace' && spawnSync('dtrace', ['-V']).status !== 0) continue;
    const tracer = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const started = await new Promise((resolve) => {
      tracer.once('spawn', () => resolve(true));
      tracer.once('error', () => resolve(false));
    });
    if (!started) continue;
    const lines = [];
    let complaints = '';
    createInterface({ input: tracer.stdout }).on('line', (line) => line && lines.push(line));
    tracer.stderr.on('data', (data) => {
      complaints += data;
    });
    const end = Date.now() + PATIENCE;
    const until = async (condition) => {
      while (!condition() && Date.now() < end && tracer.exitCode === null) await sleep(10);
      return condition();
    };
    const noticed = check(
      `${command} attaches, and the probe notices`,
      await until(() => hit.enabled),
      complaints.trim(),
    );
    // A tracer's breakpoint is there before its program is: fire until it has seen everything.
    const seen = () => EXPECTED.every((line) => lines.includes(line));
    while (noticed && !seen() && Date.now() < end && tracer.exitCode === null) {
      fire();
      await sleep(200);
    }
    check(
      `${command} reads the arguments`,
      seen(),
      `${JSON.stringify(lines.slice(0, 6))} ${complaints.trim()}`,
    );
    const ended = new Promise((resolve) => tracer.once('exit', resolve));
    // A signal that comes at a bad moment is lost on some.
    for (let attempt = 0; tracer.exitCode === null && tracer.signalCode === null; attempt++) {
      if (tracer.pid !== undefined) tracer.kill(attempt < 5 ? 'SIGINT' : 'SIGKILL');
      await Promise.race([ended, sleep(1000)]);
    }
    const gone = Date.now() + PATIENCE;
    while (hit.enabled && Date.now() < gone) await sleep(10);
    check(`${command} ends, and the probe notices`, !hit.enabled);
    return;
  }
  note('no tracer was started: neither dtrace nor bpftrace is installed');
}
