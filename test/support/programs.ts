/** The C programs with probes of packages/cli/test/fixtures/programs, to read and to trace. */

import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIXTURES = fileURLToPath(new URL('../../packages/cli/test/fixtures', import.meta.url));

/** For `skip`: false where the programs of fixtures/ run. */
export function withoutPrograms(): string | false {
  return process.platform === 'linux' && process.arch === 'x64' ? false : 'the programs are for Linux on x64';
}

/** A copy of a program of fixtures/programs. */
export function fixtureProgram(folder: string, fixture: string, name = fixture): string {
  const program = join(folder, name);
  // One that still runs can't be written over.
  fs.rmSync(program, { force: true });
  fs.copyFileSync(`${FIXTURES}/programs/${fixture}`, program);
  fs.chmodSync(program, 0o755);
  return program;
}

/** The program that fixtures/webapp.c makes, with one of the providers that programs.sh compiles it for. */
export function webapp(folder: string, name = 'webapp', provider = 'webapp'): string {
  return fixtureProgram(folder, provider, name);
}
