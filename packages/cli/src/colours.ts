/**
 * Colours on a terminal. As https://no-color.org and https://force-color.org ask for, and on CI, whose pages show them.
 */

import { isTerminal } from './stdout.ts';

const { env, argv } = process;
const off = Boolean(env.NO_COLOR) || argv.includes('--no-color');
const on = Boolean(env.FORCE_COLOR) || argv.includes('--color') || Boolean(env.CI);
const has = !off && (on || (env.TERM !== 'dumb' && isTerminal()));

/** ECMA-48, 8.3.117 (SGR). */
function colour(begin: number, end: number): (text: string) => string {
  return has ? (text) => `\x1b[${begin}m${text}\x1b[${end}m` : (text) => text;
}

export const bold = colour(1, 22);
export const dim = colour(2, 22);
export const red = colour(31, 39);
export const green = colour(32, 39);
export const yellow = colour(33, 39);
export const cyan = colour(36, 39);
