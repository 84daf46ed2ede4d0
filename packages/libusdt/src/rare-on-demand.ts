/**
 * Stands in for rare.ts in the file that Node loads: the same functions, from a file beside it that is read when one of
 * them is called first. It is CommonJS, which can be loaded while `enable()` runs. Bundlers take another file of the
 * package, in which rare.ts itself is (the condition "module" in package.json).
 * @module
 */

import { createRequire } from 'node:module';
import type * as Rare from './rare.ts';
import { MissingPart, messageOf } from './runtime/reasons.ts';

let loaded: typeof Rare | undefined;

function rare(): typeof Rare {
  if (loaded) return loaded;
  try {
    // A variable, so that tools which copy the files that a program needs see it: https://github.com/vercel/nft
    const require = createRequire(import.meta.url);
    loaded = require('./rare.cjs') as typeof Rare;
    return loaded;
  } catch (error) {
    throw new MissingPart(
      `a part of libusdt could not be loaded (${messageOf(error)}): keep the files of the package together, or have the bundler take the condition "module" of its package.json`,
    );
  }
}

export const createSeldomAssembler: typeof Rare.createSeldomAssembler = (arch) =>
  rare().createSeldomAssembler(arch);
export const imageDof: typeof Rare.imageDof = (...args) => rare().imageDof(...args);
export const buildMachOImage: typeof Rare.buildMachOImage = (...args) => rare().buildMachOImage(...args);
export const planBundle: typeof Rare.planBundle = (...args) => rare().planBundle(...args);
export const writeBundle: typeof Rare.writeBundle = (...args) => rare().writeBundle(...args);
export const createRegistrar: typeof Rare.createRegistrar = (...args) => rare().createRegistrar(...args);
export const isFileWith: typeof Rare.isFileWith = (...args) => rare().isFileWith(...args);
export const openImageFile: typeof Rare.openImageFile = (...args) => rare().openImageFile(...args);
export const openDarwin: typeof Rare.openDarwin = (...args) => rare().openDarwin(...args);
export const openFreebsd: typeof Rare.openFreebsd = (...args) => rare().openFreebsd(...args);
export const openIllumos: typeof Rare.openIllumos = (...args) => rare().openIllumos(...args);
