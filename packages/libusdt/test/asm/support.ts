/**
 * What the tests of this folder share: the programs that judge our code, and small helpers around the assemblers.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import type { Arch } from '../../src/model/target.ts';

export const ARCHS: readonly Arch[] = ['x64', 'arm64', 'i386'];

/** Standard output of a program that must succeed. */
export function run(program: string, ...args: readonly string[]): string {
  const { stdout, stderr, status, signal, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error) throw error;
  assert.equal(status, 0, `${program} ended with ${status ?? signal}:\n${stdout}${stderr}`);
  return stdout;
}

const OBJDUMP: Readonly<Record<Arch, readonly [program: string, ...args: string[]]>> = {
  x64: ['objdump', '-m', 'i386:x86-64', '-M', 'intel'],
  arm64: ['aarch64-linux-gnu-objdump', '-m', 'aarch64'],
  i386: ['objdump', '-m', 'i386', '-M', 'intel'],
};

export const disassembler = (arch: Arch): string => OBJDUMP[arch][0];

/** What binutils reads in each piece of code, each taken to start at address 0: its instructions, without comments. */
export function disassemble(arch: Arch, pieces: readonly Uint8Array[]): string[][] {
  const folder = temporaryFolder();
  const files = pieces.map((bytes, index) => {
    const file = join(folder, `${index}.bin`);
    writeFileSync(file, bytes);
    return file;
  });
  const [program, ...args] = OBJDUMP[arch];
  const listing = run(program, '-D', '-z', '-b', 'binary', ...args, '--no-show-raw-insn', ...files);
  // One chapter for each file, headed by its name; an instruction's line is "  offset:\ttext".
  const chapters = listing.split(/^.*: {5}file format binary$/m).slice(1);
  assert.equal(chapters.length, pieces.length);
  return chapters.map((chapter) =>
    [...chapter.matchAll(/^ +[0-9a-f]+:\t(.*)$/gm)].map(([, text]) =>
      text!
        .replace(/\s+(#|\/\/) .*/, '')
        .replace(/\s+/g, ' ')
        .trim(),
    ),
  );
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
