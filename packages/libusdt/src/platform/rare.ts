/**
 * Of this room, what few processes need: other systems than Linux, and DTrace's daemon. In the file that Node loads, the bundler puts functions
 * in its place that read `rare.cjs` when one of them is called first (runtime/on-demand.ts).
 */

export { openDarwin, openFreebsd, openIllumos } from './dtrace/kernel.ts';
export { createRegistrar } from './dtrace/linux.ts';
