/** What a program that runs for months would do, in a minute: nothing may grow, and no event may be lost. */

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALL, without } from '../support/needs.ts';
import { kill } from '../support/processes.ts';
import { startBpftrace, withoutTracers } from '../support/tracers.ts';

/** Memory that may come and go between two looks: V8's young generation alone is 32 MiB. */
const NOISE = 48 << 20;
const HEAP_NOISE = 2 << 20;

const folder = mkdtempSync(join(tmpdir(), 'libusdt-stress-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const env = { ...process.env, LIBUSDT_DIR: folder };
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Held {
  readonly heap: number;
  readonly resident: number;
  readonly descriptors: number;
  readonly images?: number;
}

function assertFlat(early: Held, late: Held): void {
  const shown = JSON.stringify({ early, late });
  assert.ok(late.heap - early.heap < HEAP_NOISE, shown);
  assert.ok(late.resident - early.resident < NOISE, shown);
  assert.equal(late.descriptors, early.descriptors, shown);
}

function assertCyclesFlat(args: readonly string[], variables: Readonly<Record<string, string>> = {}): void {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', program('cycles.mjs'), ...args],
    { encoding: 'utf8', env: { ...env, ...variables } },
  );
  assert.equal(status, 0, stderr);
  const reports: Held[] = JSON.parse(stdout);
  assert.equal(reports.length, 10);
  for (const { images } of reports) assert.equal(images, 0);
  assertFlat(reports[0]!, reports[9]!);
}

// All tests, with all tools, have five times as many.
const CYCLES = ALL ? 100_000 : 20_000;
test(`${CYCLES} cycles of create, enable, disable and free leave nothing behind`, () => {
  assertCyclesFlat([String(CYCLES)]);
});

// `npm run bench dof` has 100,000 of them.
test("10,000 cycles with DTrace's daemon, a stand-in, which each registers with", {
  skip: without('gcc'),
}, () => {
  const device = join(folder, 'helper-device.so');
  const source = program('../../packages/libusdt/test/platform/helper-device.c');
  execFileSync('gcc', ['-shared', '-fPIC', '-o', device, source]);
  assertCyclesFlat(['10000', 'dtprobed'], { LD_PRELOAD: device });
});

const skip = withoutTracers('bpftrace');

test('1,000,000 fires under bpftrace: all are counted, and nothing grows', { skip }, async (t) => {
  const fires = 1_000_000;
  const child = spawn(process.execPath, ['--expose-gc', program('fires.mjs'), String(fires)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => kill(child, 'SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const file = (await lines.next()).value as string;
  const tracer = await startBpftrace(t, `usdt:${file}:fires:hit { @fires = count(); @indices = sum(arg0); }`);
  child.stdin.write('go\n');
  const { before, after: later }: { before: Held; after: Held } = JSON.parse((await lines.next()).value);
  const printed = await tracer.stop();
  assert.ok(printed.includes(`@fires: ${fires}`), printed.join('\n'));
  assert.ok(printed.includes(`@indices: ${(fires * (fires - 1)) / 2}`), printed.join('\n'));
  assertFlat(before, later);
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0);
});
