/** Dynamic loaders that judge our shared objects: glibc's and musl's, with a program in C for each processor. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs } from '../../../../test/support/needs.ts';
import type { Arch } from '../../src/model/target.ts';
import { type Outcome, RUNS_I386, run } from './tools.ts';

export interface Loader {
  readonly name: string;
  readonly arch: Arch;
  readonly options: { readonly skip?: string | false };
  readonly compiler: string;
  readonly flags: readonly string[];
  readonly runner: readonly string[];
}

// Without headers and start files, which a cross compiler may lack.
const PROGRAM = `
void *dlopen(const char *, int);
void *dlsym(void *, const char *);
char *dlerror(void);
int dlclose(void *);
int puts(const char *);
_Noreturn void exit(int);
int check(void *object);
int main(int argc, char **argv) {
  void *object = dlopen(argv[1], 2 /* RTLD_NOW */);
  if (!object) { puts(dlerror()); return 1; }
  return check(object);
}
#ifdef BARE
_Noreturn void run(long *stack) { exit(main((int)stack[0], (char **)(stack + 1))); }
__asm__(".globl _start\\n_start: mov x0, sp\\n b run\\n");
#endif
`;

const CROSS = '/usr/aarch64-linux-gnu';
const CROSS_LIBC = `${CROSS}/lib/libc.so.6`;
const CROSS_386 = '/usr/i686-linux-gnu/lib';
const LOADER_386 = `${CROSS_386}/ld-linux.so.2`;
const EMULATOR_386 = RUNS_I386 ? [] : ['qemu-i386-static'];

export const LOADERS: readonly Loader[] = [
  loader('glibc on x64', 'x64', 'gcc', ['-ldl']),
  loader('musl on x64', 'x64', 'musl-gcc', ['-ldl']),
  loader(
    'glibc on arm64',
    'arm64',
    'aarch64-linux-gnu-gcc',
    ['-DBARE', '-nostdlib', '-nostartfiles', CROSS_LIBC, `${CROSS}/lib/ld-linux-aarch64.so.1`],
    ['qemu-aarch64-static', '-L', CROSS],
    ['qemu-aarch64-static', CROSS_LIBC],
  ),
  loader(
    'glibc on i386',
    'i386',
    'i686-linux-gnu-gcc',
    ['-ldl'],
    [...EMULATOR_386, LOADER_386, '--library-path', CROSS_386],
    [LOADER_386],
  ),
];

function loader(
  name: string,
  arch: Arch,
  compiler: string,
  flags: readonly string[],
  runner: readonly string[] = [],
  wanted: readonly string[] = [],
): Loader {
  const runs = arch !== 'x64' || (process.arch === 'x64' && process.platform === 'linux');
  const options = runs ? needs(compiler, ...wanted) : { skip: 'for another machine' };
  return { name, arch, options, compiler, flags, runner };
}

/**
 * Has the loader load an object.
 * @param name of the files that are made for it.
 * @param check in C: `int check(void *object)`, which returns the status that the program ends with.
 */
export function runLoaded(
  { compiler, flags, runner }: Loader,
  folder: string,
  name: string,
  check: string,
  object: Uint8Array,
): Outcome {
  const [source, harness, path] = ['.c', '', '.so'].map((end) =>
    join(folder, `${name}-${compiler}${end}`),
  ) as [string, string, string];
  writeFileSync(source, PROGRAM + check);
  writeFileSync(path, object, { mode: 0o755 });
  const compiled = run(compiler, '-O1', '-o', harness, source, ...flags);
  assert.equal(compiled.status, 0, compiled.stderr);
  const [program, ...args] = [...runner, harness, path];
  return run(program!, ...args);
}
