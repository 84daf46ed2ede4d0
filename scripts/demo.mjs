// `npm run demo`: runs examples/http-server.mjs, sends it requests, and shows what tracers see of its probes: the
// project's own `usdt`, and bpftrace too where it is installed. It ends by itself within 15 seconds, with status 0
// whatever this machine lacks, and leaves nothing behind.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const bold = (text) => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text);
const title = (text) => console.log(`\n${bold(text)}`);
const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const isRoot = process.geteuid?.() === 0;

/** All that it shows, in milliseconds; ending takes some more. */
const LIMIT = 12_000;
/** For a tracer to take its probes out of the kernel, in milliseconds. */
const PATIENCE = 1000;
/** Exit code of usdt where the system lacks something, permissions for one. */
const UNAVAILABLE = 4;
const USDT = path('packages/cli/bin/usdt.js');

const started = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'libusdt-demo-'));
const env = { ...process.env, LIBUSDT_DIR: folder, PORT: '0' };
const children = new Set();
process.stdout.on('error', () => process.exit(0));
process.on('exit', () => {
  for (const child of children) kill(child, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
// Tracers are in the process group that a terminal's ctrl-C goes to: they get the time that they need.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => endAll().then(() => process.exit(1)));

/** Of a child that could not be started, Node 20 takes the process id for 0: the signal would go to npm and all in its group. */
function kill(child, signal) {
  if (child.pid !== undefined) child.kill(signal);
}

/** @returns the process, and a promise of its exit code: null if it could not be started, or was ended. */
function start(command, args, stdio) {
  const child = spawn(command, args, { env, stdio });
  children.add(child);
  const ended = new Promise((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', resolve);
  }).finally(() => children.delete(child));
  return { child, ended };
}

async function end({ child, ended }) {
  if (!children.has(child)) return;
  kill(child, 'SIGTERM');
  if ((await Promise.race([ended, pause(PATIENCE, 'late', { ref: false })])) !== 'late') return;
  kill(child, 'SIGKILL');
  await ended;
}

const running = new Set();
const endAll = () => Promise.all([...running].map(end));

/** Runs it to its end, or until the time for the demo is over. @returns its exit code, what it wrote to stderr where that is piped, and whether it had to be ended. */
async function show(command, args, { output = 'inherit', errors = 'inherit' } = {}) {
  const tracer = start(command, args, ['ignore', output, errors]);
  running.add(tracer);
  // bpftrace ends with a blank line for each variable that it does not print.
  if (tracer.child.stdout) {
    const lines = createInterface({ input: tracer.child.stdout });
    lines.on('line', (line) => line && console.log(line));
  }
  let complaints = '';
  let late = false;
  tracer.child.stderr?.setEncoding('utf8').on('data', (text) => {
    complaints += text;
  });
  const left = Math.max(0, LIMIT - (performance.now() - started));
  const over = pause(left, 'late', { ref: false });
  if ((await Promise.race([tracer.ended, over])) === 'late') {
    late = true;
    await end(tracer);
  }
  running.delete(tracer);
  return { code: await tracer.ended, complaints: complaints.trim(), late };
}

title('A program with probes: node examples/http-server.mjs');
const server = start(process.execPath, [path('examples/http-server.mjs')], ['ignore', 'pipe', 'inherit']);
running.add(server);
let file;
let url;
for await (const line of createInterface({ input: server.child.stdout })) {
  console.log(`  ${line}`);
  file ??= /^probes are in (.*)$/.exec(line)?.[1];
  url = /^listening on (.*)\/hello/.exec(line)?.[1];
  if (url) break;
}

const paths = ['/hello/world', '/hello/Zo%C3%AB', '/favicon.ico'];
let sent = 0;
const send = () => get(url + paths[sent++ % paths.length], (answer) => answer.resume()).on('error', () => {});
const requests = url && setInterval(send, 50);

if (file) await trace();
else
  console.log(
    '\nThis machine has no tracepoints for it (see above). The program runs on as if nothing were there.',
  );

clearInterval(requests);
await endAll();
process.exit(0);

async function trace() {
  title("Its requests, one by one: usdt trace 'webapp:*'");
  const lines = ['trace', 'webapp:*', '--file', file, '--count', '6', '--quiet'];
  const { code, complaints, late } = await show(process.execPath, [USDT, ...lines], { errors: 'pipe' });
  if (late) return explain(code, `${complaints}\n  Events are missing: they did not arrive in time.`.trim());
  if (code !== 0) return explain(code, complaints);

  title('How long they take: usdt stat --latency webapp:request-start,webapp:request-done');
  const pair = 'webapp:request-start,webapp:request-done';
  const options = [
    '--key',
    'arg0',
    '--file',
    file,
    '--duration',
    '1',
    '--interval',
    '5',
    '--plain',
    '--quiet',
  ];
  await show(process.execPath, [USDT, 'stat', '--latency', pair, ...options]);

  if (has('bpftrace')) {
    title('The answers, with bpftrace: usdt:FILE:webapp:request__done');
    const action = 'printf("request %d: status %d, %s\\n", arg0, arg1, str(arg2)); @++;';
    const end = 'interval:ms:20 /@ >= 3/ { exit(); } END { clear(@); }';
    const script = `usdt:${file}:webapp:request__done { ${action} } ${end}`;
    const { code, complaints } = await show('bpftrace', ['-q', '-e', script], {
      output: 'pipe',
      errors: 'pipe',
    });
    // That it may not lock memory is no obstacle, and it always says so.
    const errors = complaints.split('\n').filter((line) => /^ERROR(?!.*MEMLOCK)/.test(line));
    if (code !== 0) console.log(`  bpftrace shows nothing here. ${errors.at(-1) ?? 'It took too long.'}`);
  }
  tryNext();
}

/** Probes without a tracer. */
function explain(code, complaints) {
  if (isRoot || code !== UNAVAILABLE) {
    console.log(
      `  ${complaints}\n\nThe line above says what keeps this machine from tracing. The probes are there all the same:`,
    );
  } else {
    const command = has('sudo') ? 'sudo npm run demo' : "su -c 'npm run demo'";
    console.log(
      `  Only root may trace. To see the events:\n\n    ${bold(command)}\n\nThe probes are there all the same:`,
    );
  }
  title(`usdt list ${file}`);
  spawnSync(process.execPath, [USDT, 'list', file], { stdio: 'inherit' });
}

function tryNext() {
  const server = 'node examples/http-server.mjs & sleep 1; curl http://127.0.0.1:8080/hello/you';
  const sudo = isRoot ? '' : 'sudo ';
  const commands = [
    ['the server', server],
    ['usdt', `${sudo}npx usdt trace 'webapp:*'`],
    ['', `${sudo}npx usdt stat 'webapp:*'`],
  ];
  if (has('bpftrace'))
    commands.push([
      'bpftrace',
      `npx usdt script bpftrace 'webapp:*' > webapp.bt && ${sudo}bpftrace webapp.bt`,
    ]);
  if (has('perf')) commands.push(['perf', `npx usdt script perf 'webapp:*' | ${sudo}sh -s 10`]);
  title('Try it yourself (the server in one terminal, a tracer in another)');
  for (const [what, command] of commands) console.log(`  ${what.padEnd(10)}  ${command}`);
}
