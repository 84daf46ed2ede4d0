/**
 * Where `usdt` starts: runs the file of the command that the command line names, and no other, or main.cjs if it names
 * none.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCompiled } from './compiled.ts';

const [, , first, second] = process.argv;
const name = first === 'help' ? second : first;
const file = join(import.meta.dirname, `${name}.cjs`);
const known = name !== undefined && /^\w+$/.test(name) && existsSync(file);
// Bundled, this is beside them.
runCompiled(known ? file : join(import.meta.dirname, 'main.cjs'), require);
