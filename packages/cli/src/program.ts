/**
 * The commands, and the parser of the command line. A command is a module in commands/ with a `define` function.
 * @module
 */

import { Command, CommanderError } from 'commander';
import { EXIT } from './errors.ts';
import { message } from './text.ts';

/** Adds a command's arguments, options, help and action to an empty `Command`. */
export type Define = (command: Command) => void;

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly define: Define }>;
}

/** To add a command, add a line here. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  list: { summary: 'list the probes of files and processes', load: () => import('./commands/list.ts') },
  trace: { summary: 'print the events of probes as they happen', load: () => import('./commands/trace.ts') },
  stat: {
    summary: 'count events and measure the time between them, live',
    load: () => import('./commands/stat.ts'),
  },
  record: { summary: 'record events as a trace for Perfetto', load: () => import('./commands/record.ts') },
  export: {
    summary: 'count and measure for Prometheus to scrape',
    load: () => import('./commands/export.ts'),
  },
  script: { summary: 'make a script for another tracer', load: () => import('./commands/script.ts') },
  build: {
    summary: 'write the image of a provider ahead of time',
    load: () => import('./commands/build.ts'),
  },
  doctor: {
    summary: 'check what works here, and how to mend the rest',
    load: () => import('./commands/doctor.ts'),
  },
};

const EXIT_CODES = `
Exit codes:
  0  success               1  failure while running     2  the command line makes no sense
  3  no probe matched      4  the system lacks something that is needed (tracefs, permissions)
  5  a program began before its probes were attached: events may be missing
  With a command run under the tracer (-c): its own exit code, or 128 + the signal that ended it; if that is 0, 3 or 5
  where those hold.
`;

/** @throws CommandError for what the user can mend. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  const program = new Command('usdt')
    .description('List, trace and measure the USDT probes of any program, with nothing but the Linux kernel.')
    .version(await version(), '-V, --version')
    .addHelpText('after', EXIT_CODES)
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(`${message(text.trimEnd())}\n`) })
    .showHelpAfterError('(usdt --help tells more)');
  const wanted = argv[2];
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program
      .command(name)
      .summary(summary)
      .passThroughOptions(false)
      .exitOverride()
      .addHelpText('after', EXIT_CODES);
    if (name === wanted || (wanted === 'help' && name === argv[3])) (await load()).define(command);
  }
  program.exitOverride();
  try {
    if (wanted === undefined) program.help({ error: true });
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has said what is wrong, or printed the help that was asked for.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

async function version(): Promise<string> {
  if (!process.argv.includes('-V') && !process.argv.includes('--version')) return '';
  const { readFileSync } = await import('node:fs');
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
