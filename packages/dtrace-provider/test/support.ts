/** The package as programs get it. */

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

export const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

export type DropIn = typeof import('../src/index.ts');

/** What `require('dtrace-provider')` gives where the override is in place. */
export const dropIn = require('@libusdt/dtrace-provider') as DropIn;
/** The package of that name on npm: on Linux a stub. */
export const original = require('dtrace-provider') as DropIn;
