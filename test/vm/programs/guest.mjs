// Runs in the guest, by its Node: programs with probes, and tracers on them. What they printed goes out as JSON, to be
// judged outside. scripts.json has the text for each tracer, with FILE in place of the file.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { kill, start } from './children.mjs';

const scripts = JSON.parse(readFileSync('scripts.json', 'utf8'));
function startProgram(...args) {
  const { next, ...program } = start(process.execPath, ...args);
  return { ...program, next: async () => JSON.parse(await next()) };
}

/** app.mjs while `trace` goes on, and what it noticed of that. */
async function traced(trace) {
  const app = startProgram('app.mjs');
  const status = await app.next();
  const seen = await trace(status.file, app.child.pid);
  const noticed = [await app.next(), await app.next(), await app.next()];
  await app.ended;
  return { status, noticed, ...seen };
}

async function withBpftrace(file) {
  const list = spawnSync('bpftrace', ['-l', `usdt:${file}:*`], { encoding: 'utf8' });
  const tracer = start('bpftrace', '-q', '-e', scripts.bpftrace.replaceAll('FILE', file));
  return { list: list.stdout, ...(await tracer.ended) };
}

async function withDtrace(_file, pid) {
  const list = spawnSync('dtrace', ['-l', '-p', String(pid), '-n', 'webapp$target:::'], { encoding: 'utf8' });
  const tracer = start('dtrace', '-q', '-p', String(pid), '-n', scripts.dtrace);
  return { list: list.stdout, listErrors: list.stderr, ...(await tracer.ended) };
}

/** How many of a program's events arrived, and what one took, with the tracepoint of another kernel. */
async function counted(kernel) {
  const program = startProgram('count.mjs', kernel, String(scripts.fires));
  const { file, tracepoint } = await program.next();
  const tracer = start(
    'bpftrace',
    '-q',
    '-e',
    `usdt:${file}:count:hit { @fires = count(); @sum = sum(arg0); }`,
  );
  const { nanoseconds } = await program.next();
  kill(tracer.child, 'SIGINT');
  const { out, err } = await tracer.ended;
  const noticedEnd = await program.next();
  await program.ended;
  return { tracepoint, nanoseconds, out, err, noticedEnd };
}

const versions = { kernel: release(), node: process.version };
for (const [name, flag] of [
  ['bpftrace', '--version'],
  ['dtrace', '-V'],
]) {
  versions[name] = spawnSync(name, [flag], { encoding: 'utf8' }).stdout.trim();
}
const bpftrace = await traced(withBpftrace);
const dtrace = await traced(withDtrace);
const counts = [];
for (const kernel of scripts.kernels) counts.push(await counted(kernel));
console.log(JSON.stringify({ versions, bpftrace, dtrace, counts }));
