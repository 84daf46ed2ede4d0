/**
 * The command that runs this one again, as root.
 * @module
 */

import * as fs from 'node:fs';
import { delimiter, join } from 'node:path';

/** Words that every shell takes as they are. */
const PLAIN = /^[\w%+,./:=@-]+$/;

/** @returns `sudo npx usdt trace 'webapp:*'`; without sudo on the machine, su(1) with the same. */
export function rootCommand(
  args: readonly string[] = process.argv.slice(2),
  env: NodeJS.ProcessEnv = process.env,
): string {
  // npm and its kin say by which of their commands a program was started.
  const words = [...(env.npm_command === 'exec' ? ['npx', 'usdt'] : ['usdt']), ...args];
  const command = words.map(quote).join(' ');
  return isInstalled('sudo', env.PATH ?? '') ? `sudo ${command}` : `su -c ${quote(command)}`;
}

/** For a shell. */
function quote(word: string): string {
  if (PLAIN.test(word)) return word;
  // In double quotes, which are easier on the eye, where nothing in them means anything to a shell.
  return word.includes("'") && !/["$`\\!]/.test(word) ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`;
}

function isInstalled(program: string, path: string): boolean {
  return path.split(delimiter).some((folder) => folder !== '' && fs.existsSync(join(folder, program)));
}
