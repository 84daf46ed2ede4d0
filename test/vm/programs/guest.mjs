// Runs in the guest, by its Node: programs with probes, and tracers on them. What they printed goes out as JSON, to be
// judged outside. scripts.json has the text for each tracer, with FILE in place of the file.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { createInterface } from 'node:readline';

const scripts = JSON.parse(readFileSync('scripts.json', 'utf8'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function start(command, ...args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  const printed = { out: '', err: '' };
  for (const [stream, name] of [
    [child.stdout, 'out'],
    [child.stderr, 'err'],
  ]) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed[name] += text;
    });
  }
  const ended = once(child, 'close').then(() => {
    children.delete(child);
    return printed;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${args.join(' ')} ended: ${printed.err}`);
    return JSON.parse(value);
  };
  return { child, next, ended };
}

/** app.mjs while `trace` goes on, and what it noticed of that. */
async function traced(trace) {
  const app = start(process.execPath, 'app.mjs');
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
  const program = start(process.execPath, 'count.mjs', kernel, String(scripts.fires));
  const { file, tracepoint } = await program.next();
  const tracer = start(
    'bpftrace',
    '-q',
    '-e',
    `usdt:${file}:count:hit { @fires = count(); @sum = sum(arg0); }`,
  );
  const { nanoseconds } = await program.next();
  tracer.child.kill('SIGINT');
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
