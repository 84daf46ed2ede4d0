/**
 * Options that several commands have.
 */

import { type Command, InvalidArgumentError } from 'commander';

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value === 0) {
    throw new InvalidArgumentError('It must be a whole number above 0.');
  }
  return value;
}

/** Node's timers take 2^31 - 1 milliseconds, and what is longer for one. */
const MOST_SECONDS = 2_147_483;

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value <= MOST_SECONDS)) {
    throw new InvalidArgumentError(`It must be a number above 0, and at most ${MOST_SECONDS} (24 days).`);
  }
  return value;
}

export function collect(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), text];
}

export function collectPids(text: string, previous: readonly number[] | undefined): number[] {
  return [...(previous ?? []), positiveInteger(text)];
}

/** The options that say what a span is: for `option` of a command. */
export const LATENCY_OPTION = [
  '-l, --latency <start,done>',
  'the time from one probe to another (may be repeated)',
  collect,
] as const;
export const KEY_OPTION = [
  '-k, --key <fields>',
  'what is the same in both, as in arg0, arg0,arg2, arg0=arg1 or tid (default: arg0 if both have it, or tid)',
  collect,
] as const;

/** What is traced, and how: for every command that traces. */
export interface TargetOptions {
  readonly pid?: number[];
  readonly file?: string[];
  readonly command?: string;
  readonly where?: string;
  readonly types?: string[];
  readonly wait?: boolean;
  readonly buffer?: number;
  readonly duration?: number;
  readonly json?: boolean;
}

export function addTargetOptions(command: Command): Command {
  return command
    .option('-p, --pid <pid>', 'only this process (may be repeated)', collectPids)
    .option('-f, --file <path>', 'only probes of this file (may be repeated)', collect)
    .option('-c, --command <command>', 'run a command of the shell under the tracer, and end with it')
    .option(
      '-w, --where <condition>',
      'only events for which it holds, as in \'arg1 == 200 && comm != "node"\'',
    )
    .option('-t, --types <types>', "types of arguments, as in 'char *,int' or 'PATTERN=_,string'", collect)
    .option('--wait', 'wait for a program with matching probes if there is none yet')
    .option('--buffer <KiB>', "size of the kernel's buffer of each processor", positiveInteger)
    .option('-d, --duration <seconds>', 'end after this time', seconds)
    .option('--json', 'JSON, one object a line');
}

/** What stands behind `--` is a program with its arguments. */
export function splitOperands(
  operands: readonly string[],
  command: Command,
): [patterns: string[], program: string[]] {
  const { rawArgs } = command.parent as unknown as { rawArgs: readonly string[] };
  const dashes = rawArgs.indexOf('--');
  const behind = dashes === -1 ? 0 : rawArgs.length - dashes - 1;
  const patterns = operands.slice(0, operands.length - behind);
  return [patterns, operands.slice(operands.length - behind)];
}
