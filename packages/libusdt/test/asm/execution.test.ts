/**
 * The code runs: on this machine where it is of the same architecture, under qemu elsewhere. What it must do stands
 * in program.ts; harness.c, built by the architecture's C compiler, is the independent caller, callee and tracer.
 */

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { needs } from '../../../../test/support/needs.ts';
import type { Arch } from '../../src/model/target.ts';
import { RUNS_I386 } from '../object/tools.ts';
import { writeProgram } from './program.ts';
import { ARCHS, run } from './support.ts';

interface Machine {
  readonly compiler: string;
  /** What runs the program, if the kernel does not. */
  readonly emulator: readonly string[];
}

const FOREIGN: Readonly<Record<Arch, Machine>> = {
  x64: { compiler: 'x86_64-linux-gnu-gcc', emulator: ['qemu-x86_64-static'] },
  arm64: { compiler: 'aarch64-linux-gnu-gcc', emulator: ['qemu-aarch64-static'] },
  i386: { compiler: 'i686-linux-gnu-gcc', emulator: RUNS_I386 ? [] : ['qemu-i386-static'] },
};

/** At least so many checks are made; fewer would mean that a part was not run. */
const PARTS = { cases: 200, frames: 20_000, indirect: 15, narrow: 300_000, probes: 1000 } as const;
/** Words that are passed as two are a matter of 32-bit registers. */
const PARTS_OF: Readonly<Partial<Record<Arch, Readonly<Record<string, number>>>>> = {
  i386: { ...PARTS, wide: 500_000 },
};

for (const arch of ARCHS) {
  const native = process.platform === 'linux' && process.arch === arch;
  const { compiler, emulator } = native ? { compiler: 'gcc', emulator: [] } : FOREIGN[arch];

  describe(`${arch} code, executed`, needs(compiler, ...emulator), () => {
    const built = build(arch, compiler);
    for (const [part, least] of Object.entries(PARTS_OF[arch] ?? PARTS)) {
      test(part, () => {
        const [first, ...rest] = [...emulator, built(), part];
        const [, checks] = run(first!, ...rest).match(/: (\d+) checks$/m) ?? [];
        assert.ok(Number(checks) >= least, `${checks} checks`);
      });
    }
  });
}

/** Builds once, when the first test asks. */
function build(arch: Arch, compiler: string): () => string {
  const folder = temporaryFolder();
  const program = join(folder, 'harness');
  const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  return () => {
    if (existsSync(program)) return program;
    writeFileSync(join(folder, 'tables.h'), writeProgram(arch));
    run(
      compiler,
      ...[
        '-std=gnu11',
        '-O1',
        '-Wall',
        '-Wextra',
        '-ffreestanding',
        '-fno-stack-protector',
        '-nostdlib',
        '-static',
      ],
      ...['-I', folder, '-o', program, source('harness.c'), source(`calls-${arch}.S`), '-lgcc'],
    );
    return program;
  };
}
