/**
 * The `usdt` command. A bundle holds it with one of the commands, or with none, for help and for mistakes: most of the
 * time of a short command is for loading it.
 */

import { join } from 'node:path';
import { guardBy } from './catalogue/guarded.ts';
import { CommandError, EXIT } from './errors.ts';
import { type LoadedCommand, runProgram } from './program.ts';
import { standardError } from './stderr.ts';
import { message } from './text.ts';

/** @param command the one that the command line names; undefined if it names none. */
export async function main(command?: LoadedCommand): Promise<void> {
  guardBy(join(import.meta.dirname, 'guarded-child.cjs'));
  try {
    await runProgram(process.argv, command);
  } catch (error) {
    if (!(error instanceof CommandError)) {
      // As Node itself shows it, but for what a path in it may hold.
      const { inspect } = process.getBuiltinModule('node:util');
      standardError().write(`${message(inspect(error))}\n`);
      process.exit(EXIT.failure);
    }
    standardError().write(`usdt: ${message(error.message)}\n`);
    process.exitCode = error.exitCode;
  }
}
