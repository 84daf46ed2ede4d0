/**
 * The newest kernel, bpftrace, DTrace and Node that Debian has, in a virtual machine (vm.sh): one boot, and the
 * tests are of what programs/guest.mjs saw there. Run by `npm run test:vm`.
 */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tracepointFor } from '../../packages/libusdt/src/image/tracepoint.ts';
import { bpftraceScript, dtraceScript, EVENTS } from '../runtimes/events.ts';
import { program as runtimeProgram } from '../support/runtimes.ts';
import { boot, jobFolder, PATIENCE, withoutMachine } from './machine.ts';

interface Traced {
  readonly status: { readonly state: string; readonly file: string; readonly tracepoint: string };
  readonly noticed: readonly unknown[];
  readonly list: string;
  readonly listErrors?: string;
  readonly out: string;
  readonly err: string;
}

interface Seen {
  readonly versions: Readonly<Record<'kernel' | 'node' | 'bpftrace' | 'dtrace', string>>;
  readonly bpftrace: Traced;
  readonly dtrace: Traced;
  readonly counts: readonly {
    readonly tracepoint: string;
    readonly nanoseconds: number;
    readonly out: string;
    readonly err: string;
    readonly noticedEnd: unknown;
  }[];
}

const FIRES = 20_000;
/** One for each row of image/tracepoint.ts. */
const KERNELS = { '6.1.0': 'nop', '6.18.0': 'nop5', '7.2.0': 'nop+nop10' };

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What guest.mjs needs in its folder. */
function layOut(folder: string): void {
  for (const name of readdirSync(local('programs')))
    copyFileSync(local(`programs/${name}`), join(folder, name));
  const app = runtimeProgram('app.mjs');
  copyFileSync(app, join(folder, basename(app)));
  const scripts = {
    bpftrace: bpftraceScript('FILE'),
    dtrace: dtraceScript,
    fires: FIRES,
    kernels: Object.keys(KERNELS),
  };
  writeFileSync(join(folder, 'scripts.json'), JSON.stringify(scripts));
}

const skip = withoutMachine();

describe('the newest of everything', { skip, timeout: PATIENCE }, () => {
  const job = jobFolder();
  let seen: Seen;
  before(async () => {
    layOut(job);
    seen = JSON.parse(await boot(job, 'node guest.mjs')) as Seen;
  });

  test('the tracepoint is the one for this kernel', (t) => {
    const { versions, bpftrace } = seen;
    t.diagnostic(JSON.stringify(versions));
    assert.equal(bpftrace.status.tracepoint, tracepointFor('x64', versions.kernel));
    assert.notEqual(bpftrace.status.tracepoint, 'nop', 'a kernel that optimises tracepoints');
  });

  test('bpftrace lists the probes, reads their arguments, and is noticed', () => {
    const { status, list, out, err, noticed } = seen.bpftrace;
    assert.equal(status.state, 'active');
    assert.deepEqual(
      list.trim().split('\n').sort(),
      ['body', 'done', 'start'].map((name) => `usdt:${status.file}:webapp:request__${name}`),
    );
    assert.deepEqual(events(out), EVENTS, err);
    assertNoticed(noticed);
  });

  test('DTrace lists the probes, reads their arguments, and is noticed', () => {
    const { status, list, listErrors, out, err, noticed } = seen.dtrace;
    assert.equal(status.state, 'active');
    const rows = list.trim().split('\n').slice(1);
    assert.deepEqual(
      rows
        .map((row) => row.trim().split(/\s+/))
        .map((row) => [row[1]?.replace(/\d+$/, ''), row.at(-1)])
        .sort(),
      ['body', 'done', 'start'].map((name) => ['webapp', `request-${name}`]),
      listErrors,
    );
    assert.deepEqual(events(out), EVENTS, err);
    assertNoticed(noticed);
  });

  for (const [index, tracepoint] of Object.values(KERNELS).entries()) {
    test(`${tracepoint}: no event is lost`, (t) => {
      const count = seen.counts[index]!;
      assert.equal(count.tracepoint, tracepoint);
      assert.match(count.out, new RegExp(`@fires: ${FIRES}\\n`), count.err);
      assert.match(count.out, new RegExp(`@sum: ${(FIRES * (FIRES - 1)) / 2}\\n`));
      assert.deepEqual(count.noticedEnd, { enabled: false });
      t.diagnostic(`${tracepoint}: ${count.nanoseconds.toFixed(0)} ns an event, emulated`);
    });
  }
});

function events(printed: string): string[] {
  return printed
    .split('\n')
    .filter((line) => /^(start|body|done) /.test(line))
    .sort();
}

function assertNoticed(noticed: readonly unknown[]): void {
  assert.deepEqual(noticed, [
    { enabled: true },
    { enabled: false },
    { state: 'disabled', failures: 0, lazy: true },
  ]);
}
