/**
 * Real DTrace in a virtual machine (vm.sh), with its daemon: what dtrace lists and reads of programs with probes, as they
 * come, change and go; and what the daemon makes of documents. One boot; what was seen in it is in dtrace/guest.mjs.
 * Run by `npm run test:vm`.
 */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ActiveStatus, Status } from '../../packages/libusdt/src/index.ts';
import { boot, jobFolder, PATIENCE, withoutMachine } from './machine.ts';

type Row = readonly string[];
interface Printed {
  readonly out: string;
  readonly err: string;
}
interface Verdict {
  readonly what: string;
  readonly findings: readonly { readonly rule: string; readonly effect: string }[];
  readonly refused?: string;
  readonly probes: readonly string[];
  readonly wanted: readonly string[];
}
type Listing =
  | 'listed'
  | `listed${'ByPid' | 'ByTarget' | 'Module' | 'Function' | 'AfterTwin' | 'Off' | 'On' | 'Removed'}`
  | `listed${'Forked' | `After${'Fork' | 'Restart' | 'End'}`}`
  | 'orphanListed'
  | 'offAfterRestart';
type Trace = 'positions' | 'typed' | 'types' | 'strings' | 'byModule' | 'lazyTrace' | 'twins';
type Seen = Readonly<Record<Listing, readonly Row[]>> &
  Readonly<Record<Trace, Printed>> & {
    readonly versions: object;
    readonly pid: number;
    readonly twinPid: number;
    readonly latePid: number;
    readonly statuses: readonly ActiveStatus[];
    readonly untraced: number;
    readonly stillUntraced: number;
    readonly lazy: number;
    readonly verbose: string;
    readonly off: Status;
    readonly on: ActiveStatus;
    readonly added: ActiveStatus;
    readonly removed: ActiveStatus;
    readonly addedEvent: string;
    readonly addedAfterRemoval: string;
    readonly firstRound: string;
    readonly secondRound: string;
    readonly forkedPid: number;
    readonly killed: string;
    readonly target: Printed;
    readonly selftest: string;
    readonly usdtList: readonly {
      readonly formats: readonly string[];
      readonly provider: string;
      readonly module?: string;
      readonly function?: string;
      readonly probe: string;
    }[];
    readonly usdtTrace: readonly { readonly args: readonly number[] }[];
    readonly bpftrace: Printed;
    readonly lateEvent: string;
    readonly withoutDaemon: boolean;
    readonly orphan: ActiveStatus;
    readonly worker: Worker & { readonly traced: Printed };
    readonly stranger: Worker;
    readonly judged: readonly Verdict[];
  };
interface Worker {
  readonly pid: number;
  readonly statuses: readonly ActiveStatus[];
  readonly listed: readonly Row[];
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const sorted = (rows: readonly Row[]): string[] => rows.map((row) => row.join(':')).sort();
const numbers = Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? i + 1 : -(i + 1)));

/** The probes of app.mjs, as dtrace shows them. */
function webapp(pid: number): string[] {
  const counts = Array.from({ length: 11 }, (_, n) => `webapp${pid}:app:takes_${n}:count-${n}x`);
  const others = ['app:accept:request-start', 'app:types:types', 'app:takes_32:lots', 'admin:sign_in:login'];
  return [...counts, ...others.map((name) => `webapp${pid}:${name}`)].sort();
}

/** Events of count-0x to count-10x and lots, ten arguments at most. */
const COUNTS = [
  ...Array.from({ length: 11 }, (_, n) => `count-${n}x ${numbers.slice(0, n).join(' ')}`),
  `lots ${numbers.slice(0, 10).join(' ')}`,
].sort();

function lines({ out }: Printed): string[] {
  return out.split('\n').filter((line) => line.trim() !== '');
}

const skip = withoutMachine();

describe('DTrace on Linux, with its daemon', { skip, timeout: PATIENCE }, () => {
  const job = jobFolder();
  let seen: Seen;

  before(async () => {
    for (const name of ['app.mjs', 'guest.mjs']) copyFileSync(here(`dtrace/${name}`), join(job, name));
    await build({
      entryPoints: [here('dtrace/judge.ts')],
      outfile: join(job, 'judge.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'warning',
    });
    for (const part of ['dist', 'bin', 'package.json'])
      cpSync(here(`../../packages/cli/${part}`), join(job, 'usdt', part), { recursive: true });
    seen = JSON.parse(await boot(job, 'node guest.mjs')) as Seen;
  });

  test('the provider says that the daemon knows it', (t) => {
    t.diagnostic(JSON.stringify(seen.versions));
    assert.equal(seen.statuses.length, 3);
    for (const status of seen.statuses) {
      assert.match(status.registeredBy, /dtprobed/);
      assert.equal(status.detail, undefined);
    }
  });

  test('dtrace lists each probe of each provider once, also of two with one name, by a wildcard and by the process', () => {
    const { pid, listed, listedByPid, listedByTarget } = seen;
    for (const rows of [listed, listedByPid, listedByTarget]) assert.deepEqual(sorted(rows), webapp(pid));
    assert.deepEqual(sorted(seen.listedModule), [`api${pid}:api.js:handle:call-done`]);
    assert.deepEqual(sorted(seen.listedFunction), [`webapp${pid}:app:takes_3:count-3x`]);
  });

  test('usdt lists the same, each once though notes and DOF describe it, and traces it', () => {
    const rows = seen.usdtList
      .filter(({ provider }) => provider === 'webapp')
      .map(({ provider, module, function: of, probe }) => [`${provider}${seen.pid}`, module!, of!, probe]);
    assert.deepEqual(sorted(rows), webapp(seen.pid));
    assert.ok(seen.usdtList.some(({ formats }) => formats.includes('stapsdt') && formats.includes('dof')));
    assert.deepEqual(
      seen.usdtTrace.map(({ args }) => args),
      Array(3).fill(numbers.slice(0, 10)),
    );
  });

  test('it knows the types', () => {
    const types = [...seen.verbose.matchAll(/args\[\d+\]: (.*)/g)].map(([, type]) => type);
    const shown = [
      ...['int8_t', 'uint8_t', 'int16_t', 'uint16_t', 'int32_t', 'uint32_t', 'int64_t', 'uint64_t'],
      ...['uint8_t', 'uint64_t'],
    ];
    assert.deepEqual(types, shown);
  });

  test('no argument to ten, by position and typed', () => {
    for (const printed of [seen.positions, seen.typed]) {
      assert.deepEqual(
        lines(printed)
          .map((line) => line.trim())
          .sort(),
        COUNTS.map((line) => line.trim()),
        printed.err,
      );
    }
  });

  test('every type has its values, and the probe its names', () => {
    // 1.5 as a double is 3ff8 0000...
    const values = [-1, 255, -2, 65535, -3, 4294967295, '-4611686018427387904', 2 ** 31, 1, 0x3ff80000];
    assert.deepEqual(lines(seen.types), [`${values.join(' ')} app types types`], seen.types.err);
  });

  test('strings and JSON', () => {
    const text = '-42 grüße, 世界 -1099511627776 {"path":"/","n":[1,null]}';
    assert.deepEqual(lines(seen.strings), [text], seen.strings.err);
  });

  test('a clause that names module and function fires', () => {
    assert.deepEqual(lines(seen.byModule), ['app accept'], seen.byModule.err);
  });

  test('no argument is computed while nobody traces', () => {
    assert.deepEqual([seen.untraced, seen.stillUntraced], [0, 0], 'also while others are traced');
    assert.deepEqual(lines(seen.lazyTrace), ['1'], seen.lazyTrace.err);
    assert.ok(seen.lazy > 0);
  });

  test('two programs of the same probes, and then one', () => {
    const counted = new Map(lines(seen.twins).map((line) => line.split(' ').map(Number) as [number, number]));
    assert.deepEqual(new Set(counted.keys()), new Set([seen.pid, seen.twinPid]), seen.twins.err);
    for (const count of counted.values()) assert.ok(count > 3);
    assert.deepEqual(sorted(seen.listedAfterTwin), [`webapp${seen.pid}:app:takes_0:count-0x`]);
  });

  test('a process that it starts has probes of its own, and takes them along when it is killed', () => {
    const row = (pid: number): string => `webapp${pid}:app:takes_0:count-0x`;
    assert.deepEqual(sorted(seen.listedForked), [row(seen.pid), row(seen.forkedPid)].sort());
    assert.equal(seen.killed, 'SIGKILL');
    assert.deepEqual(sorted(seen.listedAfterFork), [row(seen.pid)]);
  });

  test('disable takes a provider out of the list, enable puts it there again', () => {
    assert.equal(seen.off.state, 'disabled');
    assert.deepEqual(seen.listedOff, []);
    assert.match(seen.on.registeredBy, /dtprobed/);
    assert.deepEqual(sorted(seen.listedOn), [`api${seen.pid}:api.js:handle:call-done`]);
    assert.deepEqual([seen.firstRound, seen.secondRound], ['round 1', 'round 2'], 'dtrace ran meanwhile');
  });

  test('a probe that is added, and a program that starts, while dtrace runs', () => {
    assert.equal(seen.addedEvent, 'added 5');
    assert.equal(seen.added.files.length, 2);
    assert.equal(seen.lateEvent.trim(), `late ${seen.latePid}`);
  });

  test('a probe that is removed while dtrace runs is not listed, all others are, and fire on', () => {
    assert.equal(seen.addedAfterRemoval, 'added 5');
    const expected = webapp(seen.pid).filter((row) => !row.endsWith('count-3x'));
    expected.push(`webapp${seen.pid}:app:later:added`);
    assert.deepEqual(sorted(seen.listedRemoved), expected.sort());
  });

  test('a daemon that starts again knows what was there, and takes it back', () => {
    assert.equal(seen.withoutDaemon, false);
    assert.deepEqual(sorted(seen.listedAfterRestart), [`webapp${seen.pid}:app:takes_0:count-0x`]);
    assert.deepEqual(seen.offAfterRestart, []);
    assert.deepEqual(seen.listedAfterEnd, [], 'the program has ended');
  });

  test('without the daemon dtrace finds a process by its notes', () => {
    assert.equal(seen.orphan.state, 'active');
    assert.doesNotMatch(seen.orphan.registeredBy, /dtprobed/);
    assert.equal(seen.orphanListed.length, 1);
    assert.equal(seen.orphanListed[0]!.at(-1), 'count-0x');
  });

  test('so it does for a provider of a worker thread', () => {
    const { pid, statuses, listed, traced } = seen.worker;
    assert.match(statuses[0]!.detail!, /worker thread/);
    assert.deepEqual(
      listed.map((row) => [row[0], row.at(-1)]),
      [[`webapp${pid}`, 'count-1x']],
    );
    assert.deepEqual(lines(traced), ['1'], traced.err);
  });

  test('and for a user who may not open the device', () => {
    const { pid, statuses, listed } = seen.stranger;
    assert.match(statuses[0]!.detail!, /may not be opened by this user/);
    assert.deepEqual(
      listed.map((row) => [row[0], row.at(-1)]),
      [[`webapp${pid}`, 'count-1x']],
    );
  });

  test('a program that dtrace starts, with its image preloaded', () => {
    const event = lines(seen.target).find((line) => line.startsWith('of target'));
    assert.equal(event, `of target ${numbers.slice(0, 2).join(' ')}`, seen.target.err);
  });

  test('the self-test passes', () => {
    const { selftest } = seen;
    for (const line of ['dtrace reads the arguments', 'dtrace ends, and the probe notices'])
      assert.ok(selftest.includes(`ok     ${line}\n`), selftest);
    assert.match(selftest, /all is well\n$/);
  });

  test('bpftrace reads the same image', () => {
    assert.ok(seen.bpftrace.out.includes(`both ${numbers.slice(0, 2).join(' ')}\n`), seen.bpftrace.err);
  });

  test('our validator and the daemon agree on every document', (t) => {
    // In a file it is followed by zeroes, so there is more of it than its bytes.
    const beyond = 'size: a load size beyond its bytes';
    const disputed: unknown[] = [];
    for (const verdict of seen.judged) {
      const { what, findings, refused, probes, wanted } = verdict;
      const effects = new Set(findings.map(({ effect }) => effect));
      // "Wrong" is what versions differ in.
      if (what === beyond || (effects.size === 1 && effects.has('wrong'))) continue;
      if (effects.has('refused') !== (refused !== undefined)) disputed.push(verdict);
      if (refused !== undefined) assert.deepEqual(probes, [], what);
      else if (findings.length === 0 && wanted.length > 0) assert.deepEqual(probes, wanted, what);
    }
    assert.deepEqual(disputed, []);
    const refusals = seen.judged.filter(({ refused }) => refused !== undefined).length;
    t.diagnostic(`${seen.judged.length} documents, ${refusals} of them refused`);
    assert.ok(refusals > 100 && seen.judged.length - refusals > 50);
  });
});
