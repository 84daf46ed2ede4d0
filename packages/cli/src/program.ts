/**
 * The commands, and the parser of the command line. A command is a module in commands/ with a `define` function.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { EXIT } from './errors.ts';
import { standardOutput } from './stdout.ts';
import { message } from './text.ts';

/** Adds a command's arguments, options, help and action to an empty `Command`. */
export type Define = (command: Command) => void;

/** The command that runs. */
export interface LoadedCommand {
  readonly name: string;
  readonly define: Define;
}

/** What each is for. To add a command, add a line here and a module of that name in commands/. */
const COMMANDS: Readonly<Record<string, string>> = {
  list: 'list the probes of files and processes',
  trace: 'print the events of probes as they happen',
  stat: 'count events and measure the time between them, live',
  record: 'record events as a trace for Perfetto',
  export: 'count and measure for Prometheus to scrape',
  script: 'make a script for another tracer',
  build: 'write the image of a provider ahead of time',
  doctor: 'check what works here, and how to mend the rest',
};

const EXIT_CODES = `
Exit codes:
  0  success               1  failure while running     2  the command line makes no sense
  3  no probe matched      4  the system lacks something that is needed (tracefs, permissions)
  5  a program began before its probes were attached: events may be missing
  With a command run under the tracer (-c): its own exit code, or 128 + the signal that ended it; if that is 0, 3 or 5
  where those hold.
`;

/**
 * @param loaded the command that the command line names, if it names one.
 * @throws CommandError for what the user can mend.
 */
export async function runProgram(argv: readonly string[], loaded?: LoadedCommand): Promise<void> {
  const program = new Command('usdt')
    .description('List, trace and measure the USDT probes of any program, with nothing but the Linux kernel.')
    .version(version(), '-V, --version')
    .addHelpText('after', EXIT_CODES)
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => standardOutput().write(text),
      outputError: (text, write) => write(`${message(text.trimEnd())}\n`),
    })
    .showHelpAfterError('(usdt --help tells more)');
  for (const [name, summary] of Object.entries(COMMANDS)) {
    // Only help for all shows the others.
    if (loaded !== undefined && name !== loaded.name) continue;
    const command = program
      .command(name)
      .summary(summary)
      .passThroughOptions(false)
      .exitOverride()
      .addHelpText('after', EXIT_CODES);
    loaded?.define(command);
  }
  program.exitOverride();
  try {
    if (argv[2] === undefined) program.help({ error: true });
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has said what is wrong, or printed the help that was asked for.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

function version(): string {
  if (!process.argv.includes('-V') && !process.argv.includes('--version')) return '';
  const text = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
