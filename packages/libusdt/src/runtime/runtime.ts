/**
 * The runtime's own modules, by `process.getBuiltinModule` instead of `import`: to import node:fs into an ES module,
 * Node evaluates every one of its exports, and so loads its streams. That takes five milliseconds, half of what the
 * import of this library may cost. Node has it from 20.16 on, and Bun and Deno have it too.
 * https://nodejs.org/api/process.html#processgetbuiltinmoduleid
 */

import type * as NodeFs from 'node:fs';

const load = globalThis.process.getBuiltinModule;

/** Not taken apart: tests replace its functions. */
export const fs: typeof NodeFs = load('node:fs');
export const { Buffer } = load('node:buffer');
export const { constants, homedir, release, tmpdir } = load('node:os');
export const { basename, dirname, isAbsolute, join, resolve } = load('node:path');
export const { types } = load('node:util');
export const { fileURLToPath } = load('node:url');
