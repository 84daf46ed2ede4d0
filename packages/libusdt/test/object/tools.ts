/** Running the programs that judge our files: binutils, elfutils, LLVM, compilers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { without } from '../../../../test/support/needs.ts';
import { SHT_NOBITS } from '../../src/object/elf/constants.ts';
import { readElf } from '../../src/object/elf/reader.ts';

/** Most kernels for x86-64 run i386 programs, too. */
export const RUNS_I386 =
  process.platform === 'linux' && process.arch === 'x64' && existsSync('/proc/sys/abi/vsyscall32');

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

export function run(program: string, ...args: readonly string[]): Outcome {
  const { stdout, stderr, status, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C', DEBUGINFOD_URLS: '' },
  });
  if (error) throw error;
  return { stdout, stderr, status };
}

/**
 * Our own reader finds all of every section, and three independent ones, as far as they are installed, have nothing to
 * say of the file.
 * @param unknown what elfutils does not know of its kind.
 */
export function assertAccepted(path: string, unknown = /^$/): void {
  const file = readElf(readFileSync(path));
  for (const section of file.sections) {
    if (section.type === SHT_NOBITS) continue;
    assert.equal(file.data(section).length, section.size, section.name);
  }
  if (!without('readelf')) {
    const readelf = run('readelf', '-aW', path);
    assert.equal(readelf.stderr, '', path);
    assert.doesNotMatch(readelf.stdout, /warning|error|corrupt|<unknown/i, path);
  }
  if (!without('eu-elflint')) assert.deepEqual(complaintsOfElfutils(path, unknown), [], path);
  if (!without('llvm-readobj')) {
    const llvm = run('llvm-readobj', '--all', path);
    assert.deepEqual([llvm.status, llvm.stderr], [0, ''], path);
  }
}

function complaintsOfElfutils(path: string, unknown: RegExp): string[] {
  // It knows no note of SystemTap or of ours, in gcc's files neither.
  return run('eu-elflint', path)
    .stdout.split('\n')
    .filter(
      (line) => !/unknown object file note type \d+ with owner name '(stapsdt|libusdt|owner)'/.test(line),
    )
    .filter((line) => line !== '' && line !== 'No errors' && !unknown.test(line));
}
