/**
 * The `usdt` command. Only the module of the command that runs is loaded: most of the time of a short command is
 * Node's own start.
 * @module
 */

import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { guardBy } from './catalogue/guarded.ts';
import { CommandError, EXIT, writeProblem } from './errors.ts';
import { message } from './text.ts';

// Node 22 and later keep the compiled code between runs.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader, such as head(1), has enough.
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok);
  process.stderr.write(`usdt: ${message(writeProblem('the output', error))}\n`);
  process.exit(EXIT.failure);
});
// A message that can't be told ends no recording.
process.stderr.on('error', () => {});

guardBy(fileURLToPath(new URL('./catalogue/guarded-child.js', import.meta.url)));
const { runProgram } = await import('./program.ts');
try {
  await runProgram(process.argv);
} catch (error) {
  if (!(error instanceof CommandError)) {
    // As Node itself shows it, but for what a path in it may hold.
    process.stderr.write(`${message(inspect(error))}\n`);
    process.exit(EXIT.failure);
  }
  process.stderr.write(`usdt: ${message(error.message)}\n`);
  process.exitCode = error.exitCode;
}
