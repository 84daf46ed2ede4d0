/**
 * What the original's own test suite checks with DTrace on macOS and illumos, checked here with `usdt`, with one
 * process for all: tests are called as the files of that suite are.
 * https://github.com/chrisa/node-dtrace-provider/tree/master/test
 *
 * Its bad-probe.test.js needs no tracer: it is in contract.test.ts.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { jsonLines, usdt, withoutTracing } from '../../../test/support/usdt.ts';

const SUITE = fileURLToPath(new URL('./fixtures/suite.cjs', import.meta.url));

interface Event {
  readonly provider: string;
  readonly probe: string;
  readonly args: readonly unknown[];
}

describe("the original's test suite", { skip: withoutTracing() }, () => {
  const folder = temporaryFolder();
  let events: readonly Event[];

  before(() => {
    const program = [process.execPath, '--expose-gc', SUITE];
    // The first run leaves the files behind: then a tracer sees the next run from its first event on.
    const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache') };
    const first = spawnSync(program[0]!, program.slice(1), { env, encoding: 'utf8' });
    assert.equal(first.status, 0, first.stderr);
    const files = `${folder}/cache/*:*:*`;
    const { status, stdout, stderr } = usdt(folder, 'trace', files, '--json', '--quiet', '--', ...program);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    events = jsonLines(stdout) as unknown as Event[];
  });

  const argsOf = (provider: string, probe?: string) =>
    events
      .filter((event) => event.provider === provider && (probe === undefined || event.probe === probe))
      .map((event) => event.args);

  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

  test('basic', () => {
    assert.deepEqual(argsOf('basic', 'p1'), [[42, 'forty-two']]);
  });

  test('32probe: values come one by one', () => {
    const expected = upTo(32).map((fire) => upTo(32).map((index) => (index <= fire ? index + 1 : 0)));
    assert.deepEqual(argsOf('thirty_two', '_32probe'), expected);
  });

  test('32probe-char', () => {
    assert.deepEqual(argsOf('thirty_two_char', '_32probe'), [[...'abcdefghijklmnopqrstuvwxyzABCDEF']]);
  });

  test('add-probes: each is seen after disable and enable', () => {
    assert.equal(argsOf('add_probes').length, 46);
    for (const index of upTo(9)) {
      const expected = upTo(10)
        .slice(index + 1)
        .map((last) => [last]);
      assert.deepEqual(argsOf('add_probes', `probe${index}`), index === 0 ? [[0], ...expected] : expected);
    }
  });

  test('args-after-cb-1, args-after-cb-2: with the probe and with the provider', () => {
    assert.deepEqual(argsOf('args_after_cb'), [
      [42, 'forty-two', 15],
      [43, 'forty-three', 25],
    ]);
  });

  test('create-destroy: each of ten providers fires once', () => {
    assert.deepEqual(
      argsOf('create_destroy'),
      upTo(10).map((count) => [count]),
    );
  });

  test('disambiguation: providers of one name, each with probes of its own', () => {
    assert.deepEqual(
      argsOf('disambiguation', 'probe1'),
      upTo(4).map((index) => [12, index]),
    );
    assert.equal(argsOf('disambiguation').length, 4);
  });

  test('enabled-disabled: ten times over', () => {
    assert.deepEqual(
      argsOf('enabled_disabled'),
      upTo(11).map((count) => [count]),
    );
  });

  test('enabledagain', () => {
    assert.deepEqual(argsOf('enabled_again'), [[1], [2]]);
  });

  test('fewer-args, fewer-args-json', () => {
    assert.deepEqual(argsOf('fewer_args', 'p1'), [[42, 0, 'undefined']]);
    assert.deepEqual(argsOf('fewer_args', 'p2'), [['{"foo":1}', 'undefined']]);
  });

  test('more-args', () => {
    assert.deepEqual(argsOf('more_args'), [[1, 2]]);
  });

  test('gc: the provider keeps its probe', () => {
    assert.deepEqual(argsOf('gc', 'gcprobe'), [[0]]);
  });

  test('gc-provider: the probe keeps its provider', () => {
    assert.deepEqual(argsOf('gc_provider', 'gcprobe'), [[5]]);
  });

  test('json-args, multiple-json-args', () => {
    assert.deepEqual(argsOf('json_args', 'json1'), [['{"foo":42,"bar":"forty-two"}']]);
    assert.deepEqual(argsOf('json_args', 'json2'), [['{"value":"abc"}', '{"value":"def"}']]);
  });

  test('notenabled', () => {
    assert.deepEqual(argsOf('not_enabled'), []);
  });
});
