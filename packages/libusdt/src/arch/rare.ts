/**
 * Of this room, what few processes need: a processor that is seldom met. In the file that Node loads, the bundler puts functions
 * in its place that read `rare.cjs` when one of them is called first (runtime/on-demand.ts).
 */

export { createSeldomAssembler } from './seldom.ts';
