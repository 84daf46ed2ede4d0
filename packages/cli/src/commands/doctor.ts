/**
 * `usdt doctor`: what works here, what does not, and what mends it.
 */

import type { Command } from 'commander';
import { bold, dim, green, red, yellow } from '../colours.ts';
import type { Finding, State } from '../doctor/check.ts';
import { runChecks } from '../doctor/index.ts';
import { EXIT } from '../errors.ts';
import { toJson } from '../output.ts';
import { print } from '../stdout.ts';
import { escapeUnseen } from '../text.ts';

interface DoctorOptions {
  readonly json?: boolean;
}

const EXAMPLES = `
The exit code is 4 if something fails that tracing needs; warnings do not count.

Examples:
  $ sudo usdt doctor                           everything, with a self-test
  $ usdt doctor --json | jq 'select(.fix)'     what can be fixed, and how
`;

export function define(command: Command): void {
  command
    .description(
      'Check kernel, tracefs, permissions, tracers, cache folder and runtime; trace a probe of its own.',
    )
    .option('--json', 'JSON, one object a line')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

const SIGNALS = [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const;

const COLOURS: Readonly<Record<State, (text: string) => string>> = {
  ok: green,
  warn: yellow,
  fail: red,
};

async function run({ json }: DoctorOptions): Promise<void> {
  let failed = false;
  // What the self-test has in tracefs is removed when the process exits; a signal alone would end it at once.
  for (const [signal, number] of SIGNALS) process.on(signal, () => process.exit(128 + number));
  for await (const finding of runChecks()) {
    failed ||= finding.state === 'fail';
    await print(`${json ? toJson(finding) : line(finding)}\n`);
  }
  process.exitCode = failed ? EXIT.unavailable : EXIT.ok;
}

function line({ check, state, message, fix }: Finding): string {
  const head = `${COLOURS[state](state.padEnd(4))}  ${check.padEnd(11)}`;
  return `${head}  ${escapeUnseen(message)}${fix === undefined ? '' : `\n      ${dim('fix:'.padEnd(11))}  ${bold(escapeUnseen(fix))}`}`;
}
