/**
 * Node.js for macOS, up to version 18, had DTrace probes: Apple's linker made their DOF and wrote over the calls. What
 * `usdt list` shows of these programs, against what LLVM and a reader in Python find in them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readMachO, validateDof } from '../../packages/libusdt/src/codecs.ts';
import { installedPackages } from '../support/installed.ts';
import { absent, without } from '../support/needs.ts';
import { program } from '../support/runtimes.ts';
import { PATIENCE } from '../support/wait.ts';

const MAIN = fileURLToPath(new URL('../../packages/cli/bin/usdt.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../packages/cli/dist/main.cjs', import.meta.url));

function run(command: string, ...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 30 });
  assert.equal(status, 0, stderr);
  return stdout;
}

function jsonLines<T>(text: string): T[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as T);
}

interface Section {
  readonly name: string;
  readonly address: bigint;
  readonly size: number;
  readonly offset: number;
}

function sectionsByLlvm(path: string): Section[] {
  return Array.from(
    run('llvm-readobj', '-S', path).matchAll(
      /Name: (\S*) \(.*\n\s+Segment: (\S*) \(.*\n\s+Address: (\S+)\n\s+Size: (\S+)\n\s+Offset: (\d+)\n/g,
    ),
    ([, name, segment, address, size, offset]) => ({
      ...{ name: `${segment},${name}`, address: BigInt(address!) },
      ...{ size: Number(size), offset: Number(offset) },
    }),
  );
}

/** What read-dof.py prints of a probe. */
interface Probe {
  readonly provider: string;
  readonly function: string;
  readonly probe: string;
  readonly native: readonly string[];
  readonly translated: readonly string[];
  readonly mapping: readonly number[];
  readonly offsets: readonly number[];
  readonly enabled: readonly number[];
}

interface Listed {
  readonly provider: string;
  readonly probe: string;
  readonly formats: readonly string[];
  readonly module: string;
  readonly function: string;
  readonly arguments: readonly { readonly type: string; readonly operand: string }[];
  readonly translated?: unknown;
  readonly address: string;
  readonly offset: string;
  readonly enabled?: readonly string[];
  readonly untraceable: string;
  readonly traced: null;
}

/** What Apple's linkers write over calls (ld64's OutputFile.cpp, DTrace), and how the kernel finds it by the offsets in DOF. */
const CPU = {
  x64: {
    probe: '900f1f4000',
    enabled: '33c0909090',
    site: -1,
    question: 2,
    asked: 3,
    operands: ['%edi', '%esi', '%rdx'],
  },
  arm64: {
    probe: '1f2003d5',
    enabled: '000080d2',
    site: 0,
    question: 0,
    asked: 0,
    operands: ['x0', 'x1', 'x2'],
  },
} as const;

const folder = installedPackages('runtimes');
const skip =
  (folder === undefined ? absent('Node for macOS from npm (scripts/test-packages.sh)') : false) ||
  without('llvm-readobj', 'llvm-nm', 'python3') ||
  (existsSync(BUILT) ? false : absent('packages/cli/dist'));

for (const arch of ['x64', 'arm64'] as const) {
  describe(`Node for macOS on ${arch}`, { skip, timeout: PATIENCE }, () => {
    const path = join(folder ?? '', `node-darwin-${arch}/bin/node`);
    const { probe, enabled, site, question, asked, operands } = CPU[arch];

    test('sections are those that LLVM finds', () => {
      const bytes = readFileSync(path);
      assert.deepEqual(
        readMachO(bytes).sections.map(({ segname, sectname, addr, size, offset }) => ({
          ...{ name: `${segname},${sectname}`, address: addr, size, offset },
        })),
        sectionsByLlvm(path),
      );
    });

    test('probes are those that the reader in Python finds', () => {
      const dof = sectionsByLlvm(path).find(({ name }) => name === '__TEXT,__dof_node')!;
      const theirs = jsonLines<Probe>(
        run('python3', program('read-dof.py'), path, String(dof.offset), String(dof.size)),
      );
      assert.equal(theirs.length, 8);
      const listed = jsonLines<Listed>(run(process.execPath, MAIN, 'list', '--json', path));
      const at = (offset: number): string => `0x${(dof.address + BigInt(offset)).toString(16)}`;
      assert.deepEqual(
        listed.map(({ arguments: args, offset, ...rest }) => ({
          ...rest,
          types: args.map(({ type }) => type),
        })),
        theirs.flatMap((entry) =>
          entry.offsets.map((offset) => ({
            ...{ provider: entry.provider, probe: entry.probe, formats: ['dof'], module: 'node' },
            ...{ function: entry.function, file: path, address: at(offset + site) },
            ...(entry.enabled.length > 0 && { enabled: entry.enabled.map((asks) => at(asks + question)) }),
            ...{ semaphore: null, untraceable: 'it is in a Mach-O file, for macOS', traced: null },
            types: entry.native,
          })),
        ),
      );
      // What list says nothing of is as the program has it.
      for (const { native, translated, mapping } of theirs) {
        assert.deepEqual(translated, native);
        assert.deepEqual(
          mapping,
          native.map((_, index) => index),
        );
      }
      const start = listed.find(({ probe: name }) => name === 'gc-start')!;
      assert.deepEqual(
        start.arguments.map(({ type, operand }) => [type, operand]),
        [
          ['int', operands[0]],
          ['int', operands[1]],
          ['void *', operands[2]],
        ],
      );
      assert.deepEqual(listed.map(({ probe: name }) => name).sort(), [
        ...['gc-done', 'gc-start', 'http-client-request', 'http-client-response', 'http-server-request'],
        ...['http-server-response', 'net-server-connection', 'net-stream-end'],
      ]);
    });

    test("places are in the functions that they name, where Apple's linker wrote over a call", () => {
      const code = readFileSync(path);
      const bytesAt = (offset: number, length: number): string =>
        code.toString('hex', offset, offset + length);
      // Addresses of functions, ascending.
      const functions = Array.from(
        run('llvm-nm', '-n', '--defined-only', path).matchAll(/^([0-9a-f]+) [tT] _(\S+)$/gm),
        ([, address, name]) => [BigInt(`0x${address}`), name!] as const,
      );
      const listed = jsonLines<Listed>(run(process.execPath, MAIN, 'list', '--json', path));
      let questions = 0;
      for (const { function: name, address, offset, enabled: asks = [], probe: title } of listed) {
        assert.equal(bytesAt(Number(offset), probe.length / 2), probe, title);
        const start = Number(BigInt(address)) - Number(offset);
        for (const place of asks) {
          questions++;
          assert.equal(bytesAt(Number(place) - start - asked, enabled.length / 2), enabled, title);
        }
        for (const place of [address, ...asks]) {
          const before = functions.filter(([first]) => first <= BigInt(place));
          assert.equal(before.at(-1)![1], name);
        }
      }
      assert.equal(questions, 6);
    });

    test('its document breaks no rule of macOS', () => {
      const file = readMachO(readFileSync(path));
      const section = file.section('__TEXT', '__dof_node')!;
      assert.deepEqual(validateDof(file.data(section), 'darwin'), []);
    });
  });
}
