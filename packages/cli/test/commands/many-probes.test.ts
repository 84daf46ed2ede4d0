/** Hundreds of probes at once: they share events of the kernel, and nobody can tell. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { kill } from '../../../../test/support/processes.ts';
import { webapp } from '../../../../test/support/programs.ts';
import {
  findTracefs,
  jsonLines,
  MAIN,
  tracesOf,
  usdt,
  withoutTracing,
} from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { openTracer } from '../../src/sources/kernel/tracer.ts';

const folder = temporaryFolder();
const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache'), NO_COLOR: '1' };
const MANY = fileURLToPath(new URL('../fixtures/many.mjs', import.meta.url));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) kill(child, 'SIGKILL');
  fs.rmSync(folder, { recursive: true });
});

/** Of fixtures/many.mjs. */
const SIGNATURES = 10;
const PROVIDERS = 8;
const PROBES = 30;
const ALL = PROVIDERS * PROBES;

interface Program {
  readonly pid: number;
  /** Fires every probe once. */
  readonly fire: () => Promise<void>;
}

async function startProgram(prefix: string, ...args: readonly string[]): Promise<Program> {
  const child = spawn(process.execPath, [MANY, prefix, String(PROVIDERS), String(PROBES), ...args], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  await lines.next();
  return {
    pid: child.pid!,
    fire: async () => {
      child.stdin!.write('\n');
      await lines.next();
    },
  };
}

interface Tracer {
  readonly pid: number;
  readonly output: () => string;
  readonly events: () => Record<string, unknown>[];
  readonly errors: () => string;
  readonly end: (signal: NodeJS.Signals) => Promise<unknown>;
}

/** Starts `usdt`, and waits until it is attached. */
async function startTracer(...args: readonly string[]): Promise<Tracer> {
  const child = spawn(process.execPath, [MAIN, ...args], { env });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  await until(() => isTracing(child.pid!), 'the tracer');
  return {
    pid: child.pid!,
    output: () => out,
    events: () => jsonLines(out.slice(0, out.lastIndexOf('\n') + 1)),
    errors: () => err,
    end: async (signal) => {
      const exit = once(child, 'close');
      kill(child, signal);
      return (await exit)[0];
    },
  };
}

function isTracing(pid: number): boolean {
  const instance = tracesOf(pid).find((name) => name.startsWith('usdt_'));
  if (instance === undefined) return false;
  return (
    fs.readFileSync(`${findTracefs()}/instances/${instance}/tracing_on`, 'latin1') === '1\n' &&
    kernelEvents({ pid }).length > 0
  );
}

/** The events that a tracer has in the kernel, each with the number of its places. */
function kernelEvents({ pid }: { readonly pid: number }): number[] {
  const places = new Map<string, number>();
  for (const line of tracesOf(pid)) {
    const event = /^p:(\S+) /.exec(line)?.[1];
    if (event !== undefined) places.set(event, (places.get(event) ?? 0) + 1);
  }
  return [...places.values()];
}

/** Whether each probe's own number arrived in each of its arguments, from each probe as often as it should. */
function assertComplete(events: readonly Record<string, unknown>[], prefix: string, times: number): void {
  const seen = new Map<string, number>();
  for (const { provider, probe, args } of events) {
    const [, of, n, at] = /^(\w+)-(\d+)x:p(\d+)$/.exec(`${provider}:${probe}`)!;
    if (of !== prefix) continue;
    const number = Number(n) * PROBES + Number(at);
    for (const value of args as unknown[]) assert.equal(Number(value), number, `${provider}:${probe}`);
    seen.set(`${provider}:${probe}`, (seen.get(`${provider}:${probe}`) ?? 0) + 1);
  }
  assert.equal(seen.size, ALL);
  assert.deepEqual(new Set(seen.values()), new Set([times]));
}

describe('many probes', { skip: withoutTracing() }, () => {
  test('there is one kernel event for each signature, and each record is told to its own probe', async () => {
    const program = await startProgram('some');
    const tracer = await startTracer('trace', '--json', 'some-*:*');
    const places = kernelEvents(tracer);
    assert.equal(places.length, SIGNATURES);
    assert.equal(
      places.reduce((sum, each) => sum + each, 0),
      ALL,
    );
    const listed = jsonLines(usdt(folder, 'list', '--json', 'some-*:*', '-p', String(program.pid)).stdout);
    assert.equal(listed.length, ALL);
    assert.ok(listed.every(({ traced }) => traced === true));
    await program.fire();
    await program.fire();
    await until(() => tracer.events().length >= 2 * ALL, 'all events');
    assert.equal(await tracer.end('SIGINT'), 0);
    assert.match(tracer.errors(), new RegExp(`${2 * ALL} events, 0 lost\n$`));
    assertComplete(tracer.events(), 'some', 2);
    assert.deepEqual(tracesOf(tracer.pid), []);
  });

  test('however many signatures there are, the kernel events are few', async () => {
    const program = await startProgram('unlike', 'unlike');
    const tracer = await startTracer('trace', '--json', 'unlike-*:*');
    assert.ok(kernelEvents(tracer).length <= 10);
    await program.fire();
    await until(() => tracer.events().length >= ALL, 'all events');
    assert.equal(await tracer.end('SIGINT'), 0);
    assertComplete(tracer.events(), 'unlike', 1);
  });

  test('probes that come later are traced, and those before go on meanwhile', async () => {
    const early = await startProgram('early');
    const tracer = await startTracer('trace', '--json', 'early-*:*', 'late-*:*');
    await early.fire();
    const late = await startProgram('late');
    await until(() => kernelEvents(tracer).reduce((sum, each) => sum + each, 0) === 2 * ALL, 'late probes');
    assert.ok(kernelEvents(tracer).length <= PROVIDERS * SIGNATURES + SIGNATURES);
    await Promise.all([early.fire(), late.fire()]);
    await until(() => tracer.events().length >= 3 * ALL, 'all events');
    assert.equal(await tracer.end('SIGTERM'), 0);
    assertComplete(tracer.events(), 'early', 2);
    assertComplete(tracer.events(), 'late', 1);
    assert.deepEqual(tracesOf(tracer.pid), []);
  });

  test('one process, and conditions for the kernel and for us', async () => {
    const program = await startProgram('few');
    const other = await startProgram('few');
    const where = 'arg0 > 20 && arg0 < 40 && !(arg1 == "26")';
    const tracer = await startTracer(
      'trace',
      '--json',
      'few-*:*',
      '-p',
      String(program.pid),
      '--where',
      where,
    );
    await Promise.all([program.fire(), other.fire()]);
    await program.fire();
    const numbers = (): number[] => tracer.events().map(({ args }) => Number((args as unknown[])[0]));
    await until(() => numbers().filter((number) => number === 39).length === 2, 'all events');
    assert.equal(await tracer.end('SIGINT'), 0);
    // 26 is kept out by its text. A text, or no argument at all, is neither above nor below a number.
    const matching = (number: number): boolean =>
      ![0, 3, 7].includes(number % 10) && number > 20 && number < 40 && number !== 26;
    const expected = Array.from({ length: ALL }, (_, number) => number).filter(matching);
    assert.deepEqual(
      numbers().sort((a, b) => a - b),
      expected.flatMap((number) => [number, number]),
    );
    assert.deepEqual([...new Set(tracer.events().map(({ pid }) => pid))], [program.pid]);
  });

  test('all of usdt stat, record and export get them', async () => {
    const program = await startProgram('count');
    const stat = await startTracer('stat', '--json', '-i', '60', 'count-*:*');
    const record = await startTracer('record', '-o', join(folder, 'many.pftrace'), 'count-*:*');
    const agent = await startTracer('export', '--listen', '127.0.0.1:0', '--json', 'count-*:*');
    await until(() => agent.output().includes('\n'), 'the agent');
    const { url } = JSON.parse(agent.output()) as { url: string };
    await program.fire();

    let metrics = '';
    const counted = () => metrics.match(/^usdt_events_total\{.* 1$/gm)?.length;
    for (let round = 0; round < 100 && counted() !== ALL; round++) metrics = await (await fetch(url)).text();
    assert.equal(counted(), ALL, metrics);
    for (const tracer of [stat, record, agent]) assert.equal(await tracer.end('SIGINT'), 0);
    const final = stat.events().at(-1) as { events: number; counts: { count: number }[] };
    assert.equal(final.events, ALL);
    assert.deepEqual(new Set(final.counts.map(({ count }) => count)), new Set([1]));
    assert.equal(final.counts.length, ALL);
    assert.match(record.errors(), new RegExp(`${ALL} events .*, 0 lost`));
  });

  test('what a killed usdt left of them is removed by the next', async () => {
    const program = await startProgram('left');
    const killed = await startTracer('trace', '--json', 'left-*:*');
    await killed.end('SIGKILL');
    assert.equal(kernelEvents(killed).length, SIGNATURES);
    const tracer = await startTracer('trace', '--json', 'left-*:*');
    // It traces first.
    await until(() => tracesOf(killed.pid).length === 0, 'their removal');
    await program.fire();
    await until(() => tracer.events().length >= ALL, 'all events');
    assert.equal(await tracer.end('SIGINT'), 0);
    assertComplete(tracer.events(), 'left', 1);
  });

  test('a site where the kernel can not attach does not keep the others from being traced', async () => {
    const programs = Array.from({ length: 5 }, (_, n) => webapp(folder, `app-${n}`));
    // A semaphore at an odd address: the kernel takes the definition, and refuses to attach.
    const bytes = fs.readFileSync(programs[3]!);
    const arguments_ = bytes.indexOf('webapp\0request__start\0');
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(arguments_ - 8) + 1n, arguments_ - 8);
    fs.writeFileSync(programs[3]!, bytes);
    const tracer = openTracer({ patterns: ['webapp:*'], files: programs });
    try {
      assert.deepEqual(tracer.problems, [
        `webapp:request__start in ${programs[3]}: the kernel can't attach there (EINVAL)`,
      ]);
      assert.equal(tracer.probes.length, 4 * programs.length - 1);
      assert.deepEqual(
        tracer.probes.map(({ index }) => index),
        tracer.probes.map((_, n) => n),
      );
      const seen: string[] = [];
      const runs = programs.map((path) => once(spawn(path, ['1']), 'exit'));
      void Promise.all(runs).then(() => tracer.stop());
      for await (const events of tracer)
        seen.push(...events.map(({ probe }) => `${probe.file} ${probe.name}`));
      assert.deepEqual(seen.sort(), tracer.probes.map(({ file, name }) => `${file} ${name}`).sort());
    } finally {
      tracer.close();
    }
    const list = fs.readFileSync(`${findTracefs()}/uprobe_events`, 'utf8');
    assert.ok(!list.includes(`usdt_${process.pid}_`), list);
  });
});
