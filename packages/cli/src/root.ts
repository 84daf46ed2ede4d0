/**
 * The command that runs this one again, as root.
 */

import * as fs from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import { shellWord } from './shell.ts';

/** Where npx keeps packages that it fetched itself. */
const FETCHED = `${sep}_npx${sep}`;

/**
 * @param script the program's own path.
 * @returns `sudo npx usdt trace 'webapp:*'`; without sudo on the machine, su(1) with the same.
 */
export function rootCommand(
  args: readonly string[] = process.argv.slice(2),
  env: NodeJS.ProcessEnv = process.env,
  script = process.argv[1] ?? '',
): string {
  // npm and its kin say by which of their commands a program was started. Outside of projects that have it, npx would
  // fetch somebody else's package of that name, and root would run it.
  const npx = script.includes(FETCHED) ? ['npx', '-p', '@libusdt/cli'] : ['npx'];
  const words = [...(env.npm_command === 'exec' ? npx : []), 'usdt', ...args];
  const command = words.map(shellWord).join(' ');
  return isInstalled('sudo', env.PATH ?? '') ? `sudo ${command}` : `su -c ${shellWord(command)}`;
}

function isInstalled(program: string, path: string): boolean {
  return path.split(delimiter).some((folder) => folder !== '' && fs.existsSync(join(folder, program)));
}
