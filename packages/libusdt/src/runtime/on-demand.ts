/**
 * How what few processes need is read when it is needed first: a third of the library, in a file beside the one that Node
 * loads. scripts/bundle.mjs puts these in the place of each room's rare.ts. The file is CommonJS, which can be loaded while
 * `enable()` runs. Bundlers take another file of the package, which has everything (the condition "module" in package.json).
 */

import { createRequire } from 'node:module';
import { MissingPart, messageOf } from './reasons.ts';

type Functions = Readonly<Record<string, (...args: unknown[]) => unknown>>;

let loaded: Functions | undefined;

function rare(): Functions {
  if (loaded) return loaded;
  try {
    // A variable, so that tools which copy the files that a program needs see it: https://github.com/vercel/nft
    const require = createRequire(import.meta.url);
    loaded = require('./rare.cjs') as Functions;
    return loaded;
  } catch (error) {
    throw new MissingPart(
      `a part of libusdt could not be loaded (${messageOf(error)}): keep the files of the package together, or have the bundler take the condition "module" of its package.json`,
    );
  }
}

/**
 * Stands in for a function of a rare.ts.
 * @throws MissingPart when it is called, if the file is not there.
 */
export function onDemand(name: string): (...args: unknown[]) => unknown {
  return (...args) => rare()[name]!(...args);
}
